"""Parts of the fast evaluation in C++: built at first use, called by ctypes."""
