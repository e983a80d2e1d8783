"""Linear algebra, with the names of the Python array API: matrices are the last two axes, all others are a batch.

x = penstock.linalg.solve(a, b)

Everything is differentiable where the mathematics is. Integers are taken as float32.
"""

from penstock.ops import (
    adjugate,
    det,
    eig,
    eigvals,
    eigvalsh,
    inv,
    logm,
    lu,
    matmul,
    matrix_exp,
    matrix_transpose,
    sqrtm,
    svdvals,
    tensordot,
)
from penstock.ops.factors import (
    cholesky,
    cholesky_solve,
    cond,
    eigh,
    lstsq,
    pinv,
    qr,
    slogdet,
    solve,
    svd,
    triangular_solve,
)
from penstock.ops.factors import matrix_diagonal as diagonal
from penstock.ops.factors import matrix_trace as trace
from penstock.ops.norms import (
    matrix_norm,
    matrix_rank,
    vector_norm,
)
from penstock.ops.products import (
    cross,
    matrix_power,
    outer,
    vecdot,
)

__all__ = [
    "adjugate",
    "cholesky",
    "cholesky_solve",
    "cond",
    "cross",
    "det",
    "diagonal",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "inv",
    "logm",
    "lstsq",
    "lu",
    "matmul",
    "matrix_exp",
    "matrix_norm",
    "matrix_power",
    "matrix_rank",
    "matrix_transpose",
    "outer",
    "pinv",
    "qr",
    "slogdet",
    "solve",
    "sqrtm",
    "svd",
    "svdvals",
    "tensordot",
    "trace",
    "triangular_solve",
    "vecdot",
    "vector_norm",
]
