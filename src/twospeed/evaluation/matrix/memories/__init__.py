"""One file a memory; table.py beside this folder names them."""
