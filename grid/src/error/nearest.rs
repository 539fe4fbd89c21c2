//! The known name that a wrong one most likely stands for.

/// Returns the known name of a node that a wrong one most likely stands for: one with the same host, or else one whose host
/// has a typing error. Numbers are taken literally, because `node12` is not a misspelt `node13`.
pub(crate) fn nearest<'a>(
    wrong: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let wrong_host = host(wrong);
    let rated = known.into_iter().filter_map(|name| {
        let errors = difference(&wrong_host, &host(name))?;
        // Of several nodes of one host, the one with the most similar name as a whole.
        let is_short = wrong.len().max(name.len()) <= LEN_MAX;
        let in_name = if is_short { distance(wrong, name) } else { usize::MAX };
        Some(((errors, in_name), name))
    });
    Some(rated.min()?.1)
}

/// Longer hosts are not compared, because that takes quadratic time.
const LEN_MAX: usize = 64;

/// Typing errors in a host.
const ERRORS_MAX: usize = 2;

/// The host of a node's name, in the form in which equal hosts are equal.
fn host(name: &str) -> String {
    let authority = name.split_once("://").map_or(name, |(_, authority)| authority);
    let end = authority.rfind(']').map(|bracket| bracket + 1);
    let end = end.or(authority.find(':')).unwrap_or(authority.len());
    authority[..end].trim_end_matches('.').to_ascii_lowercase()
}

/// How many typing errors distinguish two hosts; `None` if they are different hosts.
fn difference(one: &str, other: &str) -> Option<usize> {
    if one == other {
        return Some(0);
    }
    let digits = |host: &str| host.bytes().filter(u8::is_ascii_digit).collect::<Vec<_>>();
    if one.len().max(other.len()) > LEN_MAX || digits(one) != digits(other) {
        return None;
    }
    // Half of a short name is not an error.
    let errors = distance(one, other);
    (errors <= ERRORS_MAX && errors * 3 <= other.len()).then_some(errors)
}

/// The end of an error about an unknown name.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

/// The number of bytes that must be inserted, removed or replaced to make two texts equal.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, a) in one.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], line + 1);
        for (column, b) in other.bytes().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_host_the_most_similar_port_is_meant() {
        let known = ["https://127.0.0.1:9501", "https://127.0.0.1:9502", "https://127.0.0.1:9503"];
        assert_eq!(nearest("http://127.0.0.1:9502", known), Some(known[1]));
        assert_eq!(nearest("https://127.0.0.1:9503/", known), Some(known[2]));
    }

    #[test]
    fn the_most_similar_name_is_meant() {
        let known =
            ["http://node1:9000", "http://node12:9000", "https://backup:9000", "http://[::1]:1"];
        for (wrong, meant) in [
            ("http://Node1:9000", Some(known[0])),
            ("http://node1.", Some(known[0])),
            ("https://node12:9001", Some(known[1])),
            ("http://ndoe12:9000", Some(known[1])),
            ("http://backup", Some(known[2])),
            ("http://bakup:9000", Some(known[2])),
            ("http://[::1]", Some(known[3])),
            ("http://node13:9000", None),
            ("http://elsewhere.example:80", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known), meant, "{wrong}");
        }
        assert_eq!(nearest("http://node1:9000", []), None);
        assert_eq!(nearest(&"x".repeat(1024), known), None);
        assert_eq!(nearest("http://c:1", ["http://b:1"]), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
