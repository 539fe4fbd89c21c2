//! How many made-up nodes there are, their names and methods, and numbers that look random.

pub(super) const NODES: u64 = 50;

/// Names, calls per second, and a usual duration in microseconds.
pub(super) const METHODS: [(&str, f64, f64); 6] = [
    ("Orders/place", 420.0, 2600.0),
    ("Orders/status", 3100.0, 310.0),
    ("Search/query", 880.0, 9400.0),
    ("Stock/reserve", 410.0, 1200.0),
    ("Stock/watch", 12.0, 480_000.0),
    ("Users/get", 5200.0, 190.0),
];

pub(super) fn name(number: u64) -> String {
    format!("http://node-{:02}:9000", number + 1)
}

/// A number from 0 to 1 that is always the same for these.
pub(super) fn noise(one: u64, other: u64) -> f64 {
    let mut bits =
        one.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ other.wrapping_mul(0xd6e8_feb8_6659_fd93);
    bits ^= bits >> 31;
    bits = bits.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Around 1, and slowly up and down.
pub(super) fn load(of: u64, second: u64) -> f64 {
    let slow = (second as f64 / 19.0 + of as f64).sin() * 0.25;
    1.0 + slow + noise(of, second) * 0.2
}
