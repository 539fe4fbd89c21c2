//! Which of two nodes opens the connection between them: a rule over their names, so that both agree without
//! communication.

use std::cmp::Ordering;

use twox_hash::XxHash3_64;

/// Whether the node `local` is the one that dials `remote`.
///
/// For the other node the result is the opposite. Names are compared byte by byte, so `http://a:80` and `http://a`
/// differ.
///
/// ```
/// assert!(grid::dials("http://127.0.0.1:7002", "http://127.0.0.1:7001"));
/// assert!(!grid::dials("http://127.0.0.1:7001", "http://127.0.0.1:7002"));
/// ```
pub fn dials(local: &str, remote: &str) -> bool {
    match hash(local, remote).cmp(&hash(remote, local)) {
        Ordering::Less => true,
        Ordering::Greater => false,
        Ordering::Equal => local < remote,
    }
}

fn hash(first: &str, second: &str) -> u64 {
    XxHash3_64::oneshot(&[first.as_bytes(), second.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        let (one, two) = ("http://127.0.0.1:7001", "http://127.0.0.1:7002");
        assert_eq!(hash(one, two), 0xdc27_0e63_4868_ee30);
        assert_eq!(hash(two, one), 0xc0af_6a48_4e67_eb7f);
        assert_eq!(hash("https://node1:9000", "https://node2:9000"), 0x43c6_3340_d1f9_44f7);
        assert_eq!(hash("https://node2:9000", "https://node1:9000"), 0x93e8_0a3d_fd64_2ea6);
    }

    #[test]
    fn table_of_the_specification() {
        for (local, remote, local_dials) in [
            ("http://127.0.0.1:7001", "http://127.0.0.1:7002", false),
            ("http://127.0.0.1:7002", "http://127.0.0.1:7001", true),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9001", false),
            ("http://node1:9000", "http://node2:9000", false),
            ("https://node1:9000", "https://node2:9000", true),
            ("http://10.0.0.1:9000", "http://10.0.0.2:9000", true),
            ("http://localhost:7001", "http://localhost:7002", true),
            ("http://127.0.0.1:7001", "http://127.0.0.1:7003", false),
        ] {
            assert_eq!(dials(local, remote), local_dials, "{local} to {remote}");
            assert_eq!(dials(remote, local), !local_dials, "{remote} to {local}");
        }
    }

    #[test]
    fn equal_hashes_fall_back_to_the_order_of_bytes() {
        // Concatenations that are equal hash equally: "a" + "aa" = "aa" + "a".
        assert!(dials("a", "aa"));
        assert!(!dials("aa", "a"));
    }
}
