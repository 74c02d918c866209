//! What is ready, kept up as steps settle, in either direction of the graph.

use std::collections::BTreeSet;

/// Counts, for each node, of the nodes that it still waits for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Frontier {
    waits: Vec<usize>,
    followers: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Frontier {
    /// From what each node waits for.
    pub(super) fn new(needs: &[Vec<usize>]) -> Self {
        let mut frontier = Self {
            waits: needs.iter().map(Vec::len).collect(),
            followers: vec![Vec::new(); needs.len()],
            ready: BTreeSet::new(),
        };
        for (node, needed) in needs.iter().enumerate() {
            for other in needed {
                if let Some(followers) = frontier.followers.get_mut(*other) {
                    followers.push(node);
                }
            }
        }
        let free = |node: &usize| frontier.waits.get(*node) == Some(&0);
        frontier.ready = (0..needs.len()).filter(free).collect();
        frontier
    }

    /// The nodes that wait for nothing more, settled or not.
    pub(super) fn ready(&self) -> &BTreeSet<usize> {
        &self.ready
    }

    /// The node is settled. Returns the nodes that became ready by it.
    pub(super) fn settle(&mut self, node: usize) -> Vec<usize> {
        let mut released = Vec::new();
        for follower in self.followers.get(node).cloned().unwrap_or_default() {
            if let Some(wait) = self.waits.get_mut(follower) {
                *wait = wait.saturating_sub(1);
                if *wait == 0 {
                    self.ready.insert(follower);
                    released.push(follower);
                }
            }
        }
        released
    }
}
