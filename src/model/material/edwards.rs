//! Whether 32 bytes are a point of edwards25519 that can be a key. The crypto provider looks only
//! when it checks a signature: a damaged key would be stored and then refuse every token, and a
//! point of small order would believe tokens that nobody signed.

use rsa::BigUint;

/// The curve's constant d = -121665/121666 (RFC 8032 §5.1), big-endian.
const D: [u8; 32] = [
    0x52, 0x03, 0x6c, 0xee, 0x2b, 0x6f, 0xfe, 0x73, 0x8c, 0xc7, 0x40, 0x79, 0x77, 0x79, 0xe8, 0x98, 0x00,
    0x70, 0x0a, 0x4d, 0x41, 0x41, 0xd8, 0xab, 0x75, 0xeb, 0x4d, 0xca, 0x13, 0x59, 0x78, 0xa3,
];

/// True for canonical encodings of points whose order is not 1, 2, 4 or 8.
pub(super) fn can_be_a_key(point: &[u8; 32]) -> bool {
    let one = BigUint::from(1_u8);
    let p = (&one << 255) - 19_u8;
    let mut bytes = *point;
    // The top bit is the sign of x, about which the curve's equation, in x², does not care.
    bytes[31] &= 0x7f;
    let y = BigUint::from_bytes_le(&bytes);
    if y >= p {
        return false;
    }
    let y2 = &y * &y % &p;
    let dy2 = BigUint::from_bytes_be(&D) * &y2 % &p;
    // x² = (y² - 1) / (d·y² + 1) has a root when numerator times denominator is a square (Euler).
    let numerator = &y2 + &p - &one;
    let product = &numerator * (&dy2 + &one) % &p;
    let on_curve = product.modpow(&((&p - &one) >> 1), &p) == one;
    // y = 0 has order 4, y² = 1 order 1 or 2; doubling a point with d·y⁴ + 2y² = 1 gives y = 0, so
    // those have order 8.
    let zero = BigUint::from(0_u8);
    let small = y == zero || y2 == one || (&dy2 * &y2 + &y2 + &y2) % &p == one;
    on_curve && !small
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(hex: &str) -> [u8; 32] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
    }

    #[test]
    fn the_base_point_and_a_published_key_pass() {
        // RFC 8032 §5.1 and §7.1, test 1.
        for hex in [
            "5866666666666666666666666666666666666666666666666666666666666666",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ] {
            assert!(can_be_a_key(&point(hex)), "{hex}");
        }
    }

    #[test]
    fn points_of_small_order_off_the_curve_or_beyond_the_field_do_not() {
        for hex in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0000000000000000000000000000000000000000000000000000000000000080",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
            "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "0200000000000000000000000000000000000000000000000000000000000000",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            assert!(!can_be_a_key(&point(hex)), "{hex}");
        }
    }
}
