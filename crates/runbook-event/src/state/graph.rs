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
    /// From what each node waits for, and the nodes that are in play. The others are neither ready nor
    /// waited for.
    pub(super) fn new(needs: &[Vec<usize>], in_play: impl Fn(usize) -> bool) -> Self {
        let mut frontier = Self {
            waits: vec![0; needs.len()],
            followers: vec![Vec::new(); needs.len()],
            ready: BTreeSet::new(),
        };
        for (node, needed) in needs.iter().enumerate().filter(|(node, _)| in_play(*node)) {
            for other in needed.iter().copied().filter(|other| in_play(*other)) {
                if let Some(wait) = frontier.waits.get_mut(node) {
                    *wait += 1;
                }
                if let Some(followers) = frontier.followers.get_mut(other) {
                    followers.push(node);
                }
            }
        }
        frontier.ready = (0..needs.len())
            .filter(|node| in_play(*node) && frontier.waits.get(*node) == Some(&0))
            .collect();
        frontier
    }

    pub(super) fn ready(&self) -> &BTreeSet<usize> {
        &self.ready
    }

    /// The node has begun: it is no longer to be started.
    pub(super) fn begin(&mut self, node: usize) {
        self.ready.remove(&node);
    }

    /// The node is settled. Returns the nodes that became ready by it.
    pub(super) fn settle(&mut self, node: usize) -> Vec<usize> {
        self.ready.remove(&node);
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
