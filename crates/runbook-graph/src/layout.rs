//! Where everything is drawn: layers from above to below, in whole pixels, so that every machine draws the same.
//!
//! A node's layer is one below the lowest of those that it comes after. An arrow that passes layers is led through a
//! place of its own in each, so that it crosses no node. The order within a layer is the author's, unless arrows cross
//! less in another. What holds others is laid out from within.

use crate::text::lines;
use crate::{Graph, Mark, Node, Order};

/// How high a line of text is.
pub(crate) const LINE: i32 = 16;
/// How far a text is from the border of its node.
pub(crate) const PAD: i32 = 10;
/// How far nodes beside each other are apart.
const BESIDE: i32 = 24;
/// How far layers are apart.
const BELOW: i32 = 34;
/// How wide the place is through which an arrow passes a layer.
const PASS: i32 = 12;
/// How wide a character is taken to be: that of a sans-serif of 12 pixels, with some reserve.
const LETTER: i32 = 7;
/// The narrowest node.
const NARROW: i32 = 90;
/// How many of those of which one is done stand beside each other.
const ROW: usize = 3;
/// How often the orders of the layers are looked at again.
const SWEEPS: usize = 4;

/// A text in a node.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    /// Whether it is the title.
    pub(crate) title: bool,
}

/// A node in its place.
#[derive(Debug)]
pub(crate) struct Placed<'a> {
    pub(crate) node: &'a Node,
    pub(crate) texts: Vec<Text>,
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: i32,
    pub(crate) height: i32,
    /// What stands within it, placed from the node's own corner.
    pub(crate) within: Option<Drawing<'a>>,
}

/// Nodes in their places, and the points through which arrows lead.
#[derive(Debug)]
pub(crate) struct Drawing<'a> {
    pub(crate) nodes: Vec<Placed<'a>>,
    pub(crate) arrows: Vec<Vec<(i32, i32)>>,
    pub(crate) width: i32,
    pub(crate) height: i32,
}

/// Lays out a whole graph.
pub(crate) fn draw(graph: &Graph) -> Drawing<'_> {
    level(graph, &graph.forward(), Order::All)
}

/// Something in a layer: a node, or an arrow on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spot {
    Node(usize),
    /// The place of an arrow among the arrows.
    Pass(usize),
}

fn level<'a>(graph: &'a Graph, arrows: &[(usize, usize)], order: Order) -> Drawing<'a> {
    let mut nodes: Vec<Placed<'a>> = graph.nodes.iter().map(sized).collect();
    let mut layers = layers(nodes.len(), arrows, order);
    uncross(&mut layers, arrows);
    let widths: Vec<i32> = layers.iter().map(|layer| width(layer, &nodes)).collect();
    let widest = widths.iter().copied().max().unwrap_or(0);
    let mut passes: Vec<Vec<(i32, i32)>> = vec![Vec::new(); arrows.len()];
    let mut top = 0;
    for (layer, wide) in layers.iter().zip(&widths) {
        let mut left = (widest - wide) / 2;
        let high = layer.iter().map(|spot| height(*spot, &nodes)).max().unwrap_or(0);
        for spot in layer {
            match *spot {
                Spot::Node(at) => {
                    if let Some(placed) = nodes.get_mut(at) {
                        (placed.left, placed.top) = (left, top);
                        left += placed.width + BESIDE;
                    }
                }
                Spot::Pass(at) => {
                    if let Some(pass) = passes.get_mut(at) {
                        pass.extend([(left + PASS / 2, top), (left + PASS / 2, top + high)]);
                    }
                    left += PASS + BESIDE;
                }
            }
        }
        top += high + BELOW;
    }
    let arrows = arrows.iter().zip(passes);
    let arrows = arrows.filter_map(|(&(from, to), pass)| {
        let (from, to) = (nodes.get(from)?, nodes.get(to)?);
        let mut points = vec![(from.left + from.width / 2, from.top + from.height)];
        points.extend(pass);
        points.push((to.left + to.width / 2, to.top));
        Some(points)
    });
    let arrows = arrows.collect();
    Drawing {
        nodes,
        arrows,
        width: widest,
        height: (top - BELOW).max(0),
    }
}

/// A node with its size and not yet its place.
fn sized(node: &Node) -> Placed<'_> {
    let mut texts: Vec<Text> = Vec::new();
    let mut add = |text: &str, title: bool| {
        let more = lines(text).into_iter().map(|text| Text { text, title });
        texts.extend(more);
    };
    match node.mark {
        Mark::None | Mark::Ran(_) => add(&node.title, true),
        Mark::Added | Mark::Changed | Mark::Removed => {
            let word = node.mark.word().unwrap_or_default();
            add(&format!("{}: {}", word, node.title), true);
        }
    }
    for note in &node.notes {
        add(note, false);
    }
    let within = node.inside().map(|within| {
        match within.order {
            Order::All => {}
            Order::OneOf => add("one of these", false),
            Order::UntilOne => add("until one is enough", false),
        }
        level(&within.graph, &within.arrows(), within.order)
    });
    let letters = texts
        .iter()
        .map(|text| textwrap::core::display_width(&text.text))
        .max();
    let letters = i32::try_from(letters.unwrap_or(0)).unwrap_or(0);
    let rows = i32::try_from(texts.len()).unwrap_or(0);
    let (inner_width, inner_height) = within
        .as_ref()
        .map_or((0, 0), |drawing| (drawing.width, drawing.height + PAD));
    Placed {
        node,
        texts,
        left: 0,
        top: 0,
        width: even((letters * LETTER).max(inner_width).max(NARROW)) + 2 * PAD,
        height: rows * LINE + inner_height + 2 * PAD,
        within,
    }
}

/// The same or one more, so that a middle is a whole pixel.
const fn even(width: i32) -> i32 {
    width + width % 2
}

/// The layers, with a place for each arrow that passes one.
fn layers(count: usize, arrows: &[(usize, usize)], order: Order) -> Vec<Vec<Spot>> {
    let mut layer_of: Vec<usize> = (0..count)
        .map(|at| if order == Order::OneOf { at / ROW } else { 0 })
        .collect();
    // There are no circles, so this ends; each round settles at least one more layer.
    for _ in 0..count {
        for &(from, to) in arrows {
            let least = layer_of.get(from).map_or(0, |layer| layer + 1);
            if let Some(layer) = layer_of.get_mut(to) {
                *layer = least.max(*layer);
            }
        }
    }
    let deepest = layer_of.iter().copied().max().map_or(0, |layer| layer + 1);
    let mut layers: Vec<Vec<Spot>> = vec![Vec::new(); deepest];
    for (at, layer) in layer_of.iter().enumerate() {
        if let Some(layer) = layers.get_mut(*layer) {
            layer.push(Spot::Node(at));
        }
    }
    for (at, &(from, to)) in arrows.iter().enumerate() {
        let (Some(&from), Some(&to)) = (layer_of.get(from), layer_of.get(to)) else {
            continue;
        };
        for layer in layers.iter_mut().take(to).skip(from + 1) {
            layer.push(Spot::Pass(at));
        }
    }
    layers
}

/// Brings each spot near to what it comes after, where that is not as the author wrote it anyway.
fn uncross(layers: &mut [Vec<Spot>], arrows: &[(usize, usize)]) {
    let mut best = layers.to_vec();
    let mut least = crossings(layers, arrows);
    for _ in 0..SWEEPS {
        if least == 0 {
            break;
        }
        for at in 1..layers.len() {
            let (above, below) = layers.split_at_mut(at);
            if let (Some(above), Some(layer)) = (above.last(), below.first_mut()) {
                layer.sort_by_key(|spot| middle(*spot, above, arrows));
            }
        }
        let count = crossings(layers, arrows);
        if count < least {
            least = count;
            best = layers.to_vec();
        }
    }
    layers.clone_from_slice(&best);
}

/// Where in the layer above the spots are that lead to one, in thousandths.
fn middle(spot: Spot, above: &[Spot], arrows: &[(usize, usize)]) -> usize {
    let places: Vec<usize> = above
        .iter()
        .enumerate()
        .filter(|(_, upper)| is_joined(**upper, spot, arrows))
        .map(|(at, _)| at)
        .collect();
    if places.is_empty() {
        return 0;
    }
    places.iter().sum::<usize>() * 1000 / places.len()
}

/// Whether an arrow leads from a spot to one in the next layer.
fn is_joined(upper: Spot, lower: Spot, arrows: &[(usize, usize)]) -> bool {
    match (upper, lower) {
        (Spot::Node(from), Spot::Node(to)) => arrows.contains(&(from, to)),
        (Spot::Node(from), Spot::Pass(arrow)) => arrows.get(arrow).is_some_and(|it| it.0 == from),
        (Spot::Pass(arrow), Spot::Node(to)) => arrows.get(arrow).is_some_and(|it| it.1 == to),
        (Spot::Pass(one), Spot::Pass(other)) => one == other,
    }
}

fn crossings(layers: &[Vec<Spot>], arrows: &[(usize, usize)]) -> usize {
    let mut count = 0;
    for pair in layers.windows(2) {
        let [above, below] = pair else { continue };
        let joins: Vec<(usize, usize)> = above
            .iter()
            .enumerate()
            .flat_map(|(from, upper)| {
                let joined = below.iter().enumerate();
                let joined = joined.filter(move |(_, lower)| is_joined(*upper, **lower, arrows));
                joined.map(move |(to, _)| (from, to))
            })
            .collect();
        for (at, one) in joins.iter().enumerate() {
            let others = joins.get(at + 1..).unwrap_or_default();
            count += others
                .iter()
                .filter(|other| (one.0 < other.0 && one.1 > other.1) || (one.0 > other.0 && one.1 < other.1))
                .count();
        }
    }
    count
}

fn width(layer: &[Spot], nodes: &[Placed<'_>]) -> i32 {
    let widths = layer.iter().map(|spot| match *spot {
        Spot::Node(at) => nodes.get(at).map_or(0, |placed| placed.width),
        Spot::Pass(_) => PASS,
    });
    let gaps = i32::try_from(layer.len().saturating_sub(1)).unwrap_or(0);
    widths.sum::<i32>() + gaps * BESIDE
}

fn height(spot: Spot, nodes: &[Placed<'_>]) -> i32 {
    match spot {
        Spot::Node(at) => nodes.get(at).map_or(0, |placed| placed.height),
        Spot::Pass(_) => 0,
    }
}
