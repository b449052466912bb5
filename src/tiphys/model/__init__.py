"""The documents users write and read back, with Argo's field names exactly.

Everybody above this room uses it. Pure: no I/O, clock, randomness or logging. The structs are in
the module of their subject; reading and writing is `codec`.
"""
