//! The graph as it ran: what waited for what, and what became of each step.

use std::collections::HashMap;
use std::fmt::Write as _;

use runbook_event::{CheckOutline, CheckRole, FrameKind, StepState, UndoOutline, Verdict};
use runbook_graph::{Fate, Graph, Look, Mark, Node, Order, Within, figure};

use super::markup::{details, short, table, text};
use super::{Medium, fate};
use crate::story::{Step, Story};
use crate::text::visible;
use crate::words::{count, duration, verdict_word};

/// How many nodes the picture has at most, and how many of them stand in one list.
const NODES: usize = 70;
const BESIDE: usize = 40;

/// How deep what stands within steps is drawn.
const DEEP: usize = 4;

/// The picture with its table.
pub(super) fn write(story: &Story<'_>, medium: Medium, out: &mut String) {
    let mut draw = Drawing {
        story,
        left: NODES,
        left_out: 0,
        rows: Vec::new(),
    };
    let graph = draw.whole();
    if draw.rows.is_empty() {
        return;
    }
    let Drawing { left_out, rows, .. } = draw;
    let name = text(&format!(
        "The steps of “{}” and what became of them",
        story.run.runbook.title
    ));
    out.push_str("<figure class=\"ran\" aria-labelledby=\"ran-name\">\n<figcaption id=\"ran-name\">The graph as it ran</figcaption>\n");
    out.push_str(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"The graph as it ran\">\n",
    );
    out.push_str(&figure(&graph, &name));
    out.push_str("</div>\n");
    if left_out > 0 {
        let more = count(left_out as u64, "more step");
        _ = writeln!(out, "<p class=\"note\">Not drawn: {more}.</p>");
    }
    let columns = ["Step", "Comes after", "What became of it"];
    let table = table("The graph as it ran, as a table", &columns, &rows);
    out.push_str(&details("The same as a table", medium == Medium::Paper, &table));
    out.push_str("</figure>\n");
}

struct Drawing<'a, 'b> {
    story: &'a Story<'b>,
    /// How many more nodes there may be.
    left: usize,
    left_out: usize,
    rows: Vec<Vec<String>>,
}

impl Drawing<'_, '_> {
    fn whole(&mut self) -> Graph {
        let mut graph = Graph::default();
        let Some(course) = self.story.state.courses().first() else {
            return graph;
        };
        let outline = &self.story.run.outline;
        let begins = self.checks(&mut graph, "It begins if", CheckRole::Detect, &outline.detect);
        let first = graph.nodes.len();
        let steps = self.frame(course.steps, 0);
        let starts = (0..steps.nodes.len()).filter(|at| !steps.arrows.iter().any(|(_, to)| to == at));
        graph.arrows.extend(
            begins
                .into_iter()
                .flat_map(|begins| starts.clone().map(move |at| (begins, first + at))),
        );
        let ends = (0..steps.nodes.len()).filter(|at| !steps.arrows.iter().any(|(from, _)| from == at));
        let mut last: Vec<usize> = ends.map(|at| first + at).collect();
        graph
            .arrows
            .extend(steps.arrows.iter().map(|(from, to)| (first + from, first + to)));
        graph.nodes.extend(steps.nodes);
        if let Some(over) = self.checks(&mut graph, "It is over when", CheckRole::Verify, &outline.verify) {
            graph.arrows.extend(last.iter().map(|at| (*at, over)));
            last = vec![over];
        }
        let finally = self.frame(course.finally, 0);
        if !finally.nodes.is_empty() {
            let at = graph.nodes.len();
            let mut node = Node::new("At the end, whatever happened", Look::Read);
            node.within = Some(Within {
                order: Order::All,
                graph: finally,
            });
            graph.nodes.push(node);
            graph.arrows.extend(last.iter().map(|end| (*end, at)));
        }
        graph
    }

    /// A node for checks of the runbook, if there are any. Its place.
    fn checks(
        &self,
        graph: &mut Graph,
        title: &str,
        role: CheckRole,
        checks: &[CheckOutline],
    ) -> Option<usize> {
        if checks.is_empty() {
            return None;
        }
        let found: Vec<Option<Verdict>> = checks
            .iter()
            .map(|check| {
                self.story
                    .check(None, role, check)
                    .and_then(|known| known.verdict)
            })
            .collect();
        let mut node = Node::new(title, Look::Check);
        node.notes = checks
            .iter()
            .take(8)
            .map(|check| {
                let last = self.story.check(None, role, check).and_then(|known| known.last());
                format!(
                    "{}: {}",
                    visible(&check.title),
                    last.map_or("not asked", verdict_word)
                )
            })
            .collect();
        let is = |verdict: Verdict| found.contains(&Some(verdict));
        let fate = if is(Verdict::Error) || (is(Verdict::Fail) && role == CheckRole::Verify) {
            Fate::Failed
        } else if found.iter().all(Option::is_none) {
            Fate::Untouched
        } else {
            Fate::Done
        };
        node.mark = Mark::Ran(fate);
        graph.nodes.push(node);
        Some(graph.nodes.len() - 1)
    }

    /// What stands in a list of steps.
    fn frame(&mut self, frame: usize, depth: usize) -> Graph {
        let mut graph = Graph::default();
        let story = self.story;
        let Some(frame) = story.state.frames().get(frame) else {
            return graph;
        };
        let members: Vec<Step<'_>> = frame.members.iter().filter_map(|at| story.at(*at)).collect();
        let kept = kept(&members, self.left.min(BESIDE));
        self.left_out += members.len() - kept.len();
        self.left -= kept.len();
        let place: HashMap<usize, usize> = kept.iter().enumerate().map(|(new, old)| (*old, new)).collect();
        for at in &kept {
            let Some(step) = members.get(*at) else { continue };
            let needs = waits(frame.kind, *at, step.state);
            let after: Vec<&Step<'_>> = needs.iter().filter_map(|need| members.get(*need)).collect();
            self.row(step, &after);
            let node = self.node(step, depth);
            let here = graph.nodes.len();
            graph
                .arrows
                .extend(needs.iter().filter_map(|need| Some((*place.get(need)?, here))));
            graph.nodes.push(node);
        }
        graph
    }

    fn node(&mut self, step: &Step<'_>, depth: usize) -> Node {
        let state = step.state;
        let became = fate::of(step);
        let mut node = Node::new(visible(&state.title()), look(step));
        node.mark = Mark::Ran(became.fate);
        node.notes.push(became_line(step));
        let inner = state.inner.or_else(|| Some(self.story.course(step)?.steps));
        if let Some(inner) = inner.filter(|_| depth < DEEP) {
            let kind = self.story.state.frames().get(inner).map(|frame| frame.kind);
            let graph = self.frame(inner, depth + 1);
            let order = match kind {
                Some(FrameKind::Branches { .. }) => Order::OneOf,
                Some(FrameKind::Alternatives) => Order::UntilOne,
                Some(
                    FrameKind::Steps
                    | FrameKind::Finally
                    | FrameKind::Group
                    | FrameKind::Items { .. }
                    | FrameKind::Rounds
                    | FrameKind::Undo,
                )
                | None => Order::All,
            };
            node.within = Some(Within { order, graph });
        }
        node
    }

    fn row(&mut self, step: &Step<'_>, after: &[&Step<'_>]) {
        let after: Vec<String> = after.iter().map(|step| short(&step.state.title())).collect();
        let after = if after.is_empty() {
            "–".to_owned()
        } else {
            after.join(", ")
        };
        self.rows
            .push(vec![short(&step.state.title()), after, text(&became_line(step))]);
    }
}

/// The steps of a list that are drawn: all, or those that did not simply succeed, and as many more as there is room.
fn kept(members: &[Step<'_>], most: usize) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..members.len()).collect();
    if members.len() > most {
        kept.sort_by_key(|at| {
            members
                .get(*at)
                .is_none_or(|step| fate::of(step).fate == Fate::Done)
        });
        kept.truncate(most);
        kept.sort_unstable();
    }
    kept
}

/// What a member of a frame waits for, by places in that frame.
fn waits(kind: FrameKind, at: usize, state: &StepState) -> Vec<usize> {
    match kind {
        FrameKind::Steps | FrameKind::Finally | FrameKind::Group | FrameKind::Undo => {
            state.outline.needs.clone()
        }
        FrameKind::Items { batch, .. } if batch > 1 => Vec::new(),
        FrameKind::Items { .. } | FrameKind::Rounds => at.checked_sub(1).into_iter().collect(),
        FrameKind::Branches { .. } | FrameKind::Alternatives => Vec::new(),
    }
}

/// What became of a step, with its sign: colours say it only once more.
fn became_line(step: &Step<'_>) -> String {
    let became = fate::of(step);
    let mut line = format!("{} {}", became.sign, became.word);
    if let (Some(ms), Fate::Done | Fate::Failed) = (step.elapsed_ms(), became.fate) {
        line.push_str(", ");
        line.push_str(&duration(ms));
    }
    if step.state.attempts > 1 {
        _ = write!(line, ", {} attempts", step.state.attempts);
    }
    if let (true, UndoOutline::Irreversible { .. }, Fate::Done) =
        (step.state.attempted, &step.outline.undo, became.fate)
    {
        line.push_str(", cannot be undone");
    }
    line
}

fn look(step: &Step<'_>) -> Look {
    if step.outline.kind == "manual" {
        return Look::Person;
    }
    match step.outline.effect {
        runbook_action::Effect::Read => Look::Read,
        runbook_action::Effect::Change => Look::Change,
        runbook_action::Effect::Destructive => Look::Destroy,
    }
}
