//! [`grouped`]: what nodes have, each version once.

/// Something, and the nodes that have it.
pub(crate) struct Group<'a, T> {
    pub(crate) of: T,
    pub(crate) nodes: Vec<&'a str>,
}

/// Groups what nodes have, in the order of the first node of each group.
pub(crate) fn grouped<'a, T: PartialEq>(
    all: impl IntoIterator<Item = (&'a str, T)>,
) -> Vec<Group<'a, T>> {
    let mut groups: Vec<Group<'a, T>> = Vec::new();
    for (node, of) in all {
        match groups.iter_mut().find(|group| group.of == of) {
            Some(group) => group.nodes.push(node),
            None => groups.push(Group { of, nodes: vec![node] }),
        }
    }
    groups
}

/// The same, with the one that most nodes have first. Of two that as many have, it is the one of the first node.
pub(crate) fn usual_first<'a, T: PartialEq>(
    all: impl IntoIterator<Item = (&'a str, T)>,
) -> Vec<Group<'a, T>> {
    let mut groups = grouped(all);
    groups.sort_by_key(|group| std::cmp::Reverse(group.nodes.len()));
    groups
}
