"""AES-256 in CBC mode, for sprig's encryptAES and decryptAES only.

Plain and slow, and not built to keep a key from somebody who can time it. Nothing else may use it.
Source: FIPS 197.
"""

from __future__ import annotations

from typing import Final

_ROUNDS: Final = 14
BLOCK: Final = 16


def _double(value: int) -> int:
    value <<= 1
    return value ^ 0x11B if value & 0x100 else value


def _times(left: int, right: int) -> int:
    """Return the product in the field of AES."""
    product = 0
    while right:
        if right & 1:
            product ^= left
        left, right = _double(left), right >> 1
    return product


def _substitutes() -> bytes:
    """Return the S-box: the inverse in the field, then an affine map."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= _double(value)
    box = bytearray([0x63] * 256)
    for exponent, number in enumerate(powers):
        inverse = powers[-exponent % 255]
        spread = inverse
        for turn in range(1, 5):
            spread ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF
        box[number] = spread ^ 0x63
    return bytes(box)


_BOX: Final = _substitutes()
_UNBOX: Final = bytes(_BOX.index(value) for value in range(256))
_SHIFT: Final = tuple((4 * (column + row) + row) % 16 for column in range(4) for row in range(4))
_UNSHIFT: Final = tuple((4 * (column - row) + row) % 16 for column in range(4) for row in range(4))
_MIX: Final = (2, 3, 1, 1)
_UNMIX: Final = (14, 11, 13, 9)
_PRODUCTS: Final = {
    factor: bytes(_times(value, factor) for value in range(256)) for factor in {*_MIX, *_UNMIX}
}


def _round_keys(key: bytes) -> list[bytes]:
    words = [key[at : at + 4] for at in range(0, 32, 4)]
    constant = 1
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 8 == 0:
            word = (word[1:] + word[:1]).translate(_BOX)
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        elif len(words) % 8 == 4:
            word = word.translate(_BOX)
        words.append(_xor(words[-8], word))
    return [b"".join(words[at : at + 4]) for at in range(0, len(words), 4)]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _mixed(block: bytes, factors: tuple[int, ...]) -> bytes:
    tables = [_PRODUCTS[factor] for factor in factors]
    made = bytearray()
    for column in range(0, 16, 4):
        for row in range(4):
            value = 0
            for step in range(4):
                value ^= tables[(step - row) % 4][block[column + step]]
            made.append(value)
    return bytes(made)


def _encrypt_block(keys: list[bytes], block: bytes) -> bytes:
    block = _xor(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        block = block.translate(_BOX)
        block = bytes(block[place] for place in _SHIFT)
        if number < _ROUNDS:
            block = _mixed(block, _MIX)
        block = _xor(block, keys[number])
    return block


def _decrypt_block(keys: list[bytes], block: bytes) -> bytes:
    block = _xor(block, keys[_ROUNDS])
    for number in range(_ROUNDS - 1, -1, -1):
        block = bytes(block[place] for place in _UNSHIFT).translate(_UNBOX)
        block = _xor(block, keys[number])
        if number:
            block = _mixed(block, _UNMIX)
    return block


def encrypt(key: bytes, start: bytes, data: bytes) -> bytes:
    """Return whole blocks encrypted; the key has 32 bytes, `start` has one block."""
    keys = _round_keys(key)
    made = []
    for at in range(0, len(data), BLOCK):
        start = _encrypt_block(keys, _xor(data[at : at + BLOCK], start))
        made.append(start)
    return b"".join(made)


def decrypt(key: bytes, start: bytes, data: bytes) -> bytes:
    """Return whole blocks decrypted; the reverse of `encrypt`."""
    keys = _round_keys(key)
    made = []
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        made.append(_xor(_decrypt_block(keys, block), start))
        start = block
    return b"".join(made)
