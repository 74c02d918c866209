//! Pictures of steps and of what waits for what.
//!
//! Whoever has steps makes a [`Graph`] of them; [`mermaid`], [`dot`] and [`svg`] write it in the languages of those who
//! draw; [`figure`] is the picture for a page that has a style of its own. All are pure and say the same: the same nodes in the same order, the same arrows, the same marks. Every
//! text is data: whatever stands in a title, no picture holds more than its letters.

mod dot;
mod layout;
mod mermaid;
mod svg;
mod text;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::{figure, svg};

/// Nodes, and what comes after what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// What is drawn, in the author's order.
    pub nodes: Vec<Node>,
    /// Pairs of places in `nodes`: the second comes after the first. Arrows that make a circle, or lead nowhere, are
    /// not drawn.
    pub arrows: Vec<(usize, usize)>,
}

/// One thing that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is called.
    pub title: String,
    /// What else should be known of it, a line each.
    pub notes: Vec<String>,
    /// What kind of thing it is.
    pub look: Look,
    /// What became of it.
    pub mark: Mark,
    /// What stands within it.
    pub within: Option<Within>,
}

impl Node {
    /// One without more than its title.
    #[must_use]
    pub fn new(title: impl Into<String>, look: Look) -> Self {
        Self {
            title: title.into(),
            notes: Vec::new(),
            look,
            mark: Mark::None,
            within: None,
        }
    }

    /// What stands within it, if something does.
    fn inside(&self) -> Option<&Within> {
        self.within
            .as_ref()
            .filter(|within| !within.graph.nodes.is_empty())
    }
}

/// What stands within a node, and which of it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// Which of it is done, and when.
    pub order: Order,
    /// The nodes. Only where all is done have they arrows of their own.
    pub graph: Graph,
}

/// Which of the nodes within another are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// All, as the arrows say.
    All,
    /// One of them.
    OneOf,
    /// One after the other, until one was enough.
    UntilOne,
}

/// What kind of thing a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// A question that is asked, and decides how it goes on.
    Check,
    /// It only looks.
    Read,
    /// It changes something.
    Change,
    /// It destroys something.
    Destroy,
    /// It waits for a person.
    Person,
}

impl Look {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Check, Self::Read, Self::Change, Self::Destroy, Self::Person];

    /// How it is called where pictures are described.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Read => "read",
            Self::Change => "change",
            Self::Destroy => "destroy",
            Self::Person => "person",
        }
    }
}

/// What became of a node since the last picture, or in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Nothing, or nobody asked.
    None,
    /// It was not there before.
    Added,
    /// It is another than before.
    Changed,
    /// It is not there any more.
    Removed,
    /// A run came to it. Its notes say so in words.
    Ran(Fate),
}

/// What became of a node in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was done.
    Done,
    /// It failed.
    Failed,
    /// It was passed over.
    Skipped,
    /// It was undone again.
    Undone,
    /// It should have been undone, and was not.
    Stuck,
    /// It is under way, or nobody can tell.
    Open,
    /// Its turn did not come.
    Untouched,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Failed,
        Self::Skipped,
        Self::Undone,
        Self::Stuck,
        Self::Open,
        Self::Untouched,
    ];

    /// The name by which a page's style knows it.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Undone => "undone",
            Self::Stuck => "stuck",
            Self::Open => "open",
            Self::Untouched => "untouched",
        }
    }
}

impl Mark {
    /// The word for it, where there is one.
    #[must_use]
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Ran(_) => None,
            Self::Added => Some("added"),
            Self::Changed => Some("changed"),
            Self::Removed => Some("removed"),
        }
    }
}

impl Within {
    /// The arrows within, also where the order says them.
    fn arrows(&self) -> Vec<(usize, usize)> {
        match self.order {
            Order::All => self.graph.forward(),
            Order::OneOf => Vec::new(),
            Order::UntilOne => (1..self.graph.nodes.len()).map(|to| (to - 1, to)).collect(),
        }
    }
}

impl Graph {
    /// The arrows that can be drawn: between nodes that are there, without those that close a circle. Sorted, each once.
    fn forward(&self) -> Vec<(usize, usize)> {
        let count = self.nodes.len();
        let mut arrows: Vec<(usize, usize)> = self
            .arrows
            .iter()
            .copied()
            .filter(|&(from, to)| from < count && to < count && from != to)
            .collect();
        arrows.sort_unstable();
        arrows.dedup();
        let mut kept: Vec<(usize, usize)> = Vec::with_capacity(arrows.len());
        for (from, to) in arrows {
            if !reaches(&kept, to, from) {
                kept.push((from, to));
            }
        }
        kept
    }
}

/// Whether the arrows lead from one node to another.
fn reaches(arrows: &[(usize, usize)], from: usize, to: usize) -> bool {
    let mut seen = vec![from];
    let mut at = 0;
    while let Some(&node) = seen.get(at) {
        if node == to {
            return true;
        }
        for &(_, next) in arrows.iter().filter(|&&(start, _)| start == node) {
            if !seen.contains(&next) {
                seen.push(next);
            }
        }
        at += 1;
    }
    false
}
