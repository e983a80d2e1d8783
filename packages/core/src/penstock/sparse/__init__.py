"""Sparse tensors: the elements that are not zero, and where they are.

    a = penstock.sparse.from_dense(matrix)      coordinates, any rank
    a @ x                                       a tensor; gradients flow into a.values and x
    a.to_csr()                                  rows in order, for matrices

Both kinds are values that functions take and return; their parts are tensors.
"""

from penstock.sparse.functions import concat, eye, from_dense, matmul, softmax
from penstock.sparse.tensors import CooTensor, CsrTensor

__all__ = ["CooTensor", "CsrTensor", "concat", "eye", "from_dense", "matmul", "softmax"]
