# find_package(penstock) reads this file. It gives two targets:
#
#   penstock::kernel_abi   the C headers; all that a kernel or device plugin needs, nothing is linked
#   penstock::penstock     libpenstock with the C and C++ interface, for programs
#
# From an installed wheel, the folder to search is the package itself:
#
#   cmake -DCMAKE_PREFIX_PATH="$(python -c 'import penstock; print(penstock.__path__[0])')" ...
#
# All paths are relative to this file, so that the folder may be moved.
include("${CMAKE_CURRENT_LIST_DIR}/penstock-targets.cmake")
