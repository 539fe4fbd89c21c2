//! [`Leader`]: which node is asked.

/// Names that are remembered. A group is much smaller; this is for a node that invents them.
const NODES_MAX: usize = 64;

/// The nodes, and which of them is asked first.
#[derive(Debug)]
pub(super) struct Leader {
    nodes: Vec<String>,
    /// The node that is asked first.
    at: usize,
    /// The last node that was asked in turn, and not because another one has said that it leads. Nodes that have not heard of a
    /// failover yet point to a leader that is gone: a client that only follows them asks those two in turn, and never the new one.
    turn: usize,
}

impl Leader {
    pub(super) fn new(nodes: Vec<String>) -> Self {
        Self { nodes, at: 0, turn: 0 }
    }

    pub(super) fn nodes(&self) -> Vec<String> {
        self.nodes.clone()
    }

    pub(super) fn current(&self) -> Option<String> {
        self.nodes.get(self.at).cloned()
    }

    /// Goes to the next node. Another task may have gone on from the node that has failed here.
    pub(super) fn skip(&mut self, failed: &str) {
        let count = self.nodes.len();
        if self.current().as_deref() == Some(failed) {
            self.turn = (self.turn + 1) % count;
            if self.turn == self.at {
                self.turn = (self.turn + 1) % count;
            }
            self.at = self.turn;
        }
    }

    pub(super) fn follow(&mut self, leader: String) {
        match self.nodes.iter().position(|node| *node == leader) {
            Some(at) => self.at = at,
            None if self.nodes.len() < NODES_MAX => {
                self.nodes.push(leader);
                self.at = self.nodes.len() - 1;
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Leader;

    /// The first node was the leader. The second one still says so, and the third one leads.
    #[test]
    fn every_node_is_asked_although_one_points_to_a_leader_that_is_gone() {
        let mut leader = Leader::new(["a", "b", "c"].map(str::to_owned).to_vec());
        let mut asked = Vec::new();
        for _ in 0..4 {
            let node = leader.current().expect("a node");
            match node.as_str() {
                "b" => leader.follow("a".to_owned()),
                _ => leader.skip(&node),
            }
            asked.push(node);
        }
        assert_eq!(asked, ["a", "b", "a", "c"]);
    }

    #[test]
    fn a_single_node_is_asked_again() {
        let mut leader = Leader::new(vec!["a".to_owned()]);
        leader.skip("a");
        assert_eq!(leader.current().as_deref(), Some("a"));
    }
}
