//! The three pictures of one graph: they say the same, they are well-formed, and texts stay texts.

use runbook_graph::{Graph, Look, Mark, Node, Order, Within, dot, mermaid, svg};

fn graph() -> Graph {
    let mut first = Node::new("Ask \"who\" <b>& why</b>", Look::Read);
    first.notes.push("sql: SELECT 1; --".to_owned());
    let mut change = Node::new("Change it", Look::Change);
    change.mark = Mark::Added;
    let mut choice = Node::new("One way", Look::Change);
    choice.within = Some(Within {
        order: Order::OneOf,
        graph: Graph {
            nodes: vec![Node::new("left", Look::Change), Node::new("right", Look::Destroy)],
            arrows: Vec::new(),
        },
    });
    Graph {
        nodes: vec![first, change, choice, Node::new("End", Look::Check)],
        arrows: vec![(0, 1), (0, 2), (1, 3), (2, 3), (0, 3), (3, 0), (9, 1), (1, 1)],
    }
}

#[test]
fn mermaid_says_all_of_it() {
    let expected = "flowchart TD
  n0(\"Ask #34;who#34; #60;b#62;#38; why#60;/b#62;<br/>sql#58; SELECT 1#59; --\")
  n1[\"(added) Change it\"]
  subgraph n2[\"One way<br/>(one of these)\"]
    n2_0[\"left\"]
    n2_1[\"right\"]
  end
  n3{{\"End\"}}
  n0 --> n1
  n0 --> n2
  n0 --> n3
  n1 --> n3
  n2 --> n3
  classDef check fill:#eef2f7,stroke:#5b6b7f,color:#1b2430
  class n3 check
  classDef read fill:#e6f4ea,stroke:#2e7d4f,color:#12331f
  class n0 read
  classDef change fill:#fff4d6,stroke:#a56a00,color:#3d2800
  class n1,n2_0,n2 change
  classDef destroy fill:#fde7e7,stroke:#b3261e,color:#4a0f0b,stroke-width:2px
  class n2_1 destroy
  classDef added stroke-width:4px
  class n1 added
";
    assert_eq!(mermaid(&graph()), expected);
}

#[test]
fn dot_says_all_of_it() {
    let told = dot(&graph());
    for part in [
        "n0 [label=\"Ask \\\"who\\\" <b>& why</b>\\nsql: SELECT 1; --\"",
        "subgraph cluster_n2 {",
        "n0 -> n2_0 [lhead=\"cluster_n2\"];",
        "n2_1 -> n3 [ltail=\"cluster_n2\"];",
        "(added)",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("n3 -> n0"), "no circle: {told}");
    assert_eq!(told.matches('{').count(), told.matches('}').count());
}

/// The number that an attribute holds. Panics if there is none.
#[expect(clippy::unwrap_used, reason = "a picture without it is wrong")]
fn number(line: &str, key: &str) -> i32 {
    let from = line.split_once(&format!(" {key}=\"")).unwrap().1;
    from.split_once('"').unwrap().0.parse().unwrap()
}

/// The rectangles of a picture: left, top, right, bottom.
fn rectangles(picture: &str) -> Vec<[i32; 4]> {
    picture
        .lines()
        .filter(|line| line.starts_with("<rect class=\"node"))
        .map(|line| {
            let (x, y) = (number(line, "x"), number(line, "y"));
            [x, y, x + number(line, "width"), y + number(line, "height")]
        })
        .collect()
}

#[test]
fn nothing_in_a_picture_lies_upon_something_else() {
    let picture = svg(&graph(), "A & B");
    assert!(picture.contains("<title id=\"title\">A &amp; B</title>"));
    assert!(!picture.contains("<b>"), "{picture}");
    let all = rectangles(&picture);
    assert_eq!(all.len(), 6);
    let apart = |a: &[i32; 4], b: &[i32; 4]| a[2] < b[0] || b[2] < a[0] || a[3] < b[1] || b[3] < a[1];
    let holds = |a: &[i32; 4], b: &[i32; 4]| a[0] <= b[0] && a[1] <= b[1] && a[2] >= b[2] && a[3] >= b[3];
    for (at, one) in all.iter().enumerate() {
        for other in &all[at + 1..] {
            assert!(
                apart(one, other) || holds(one, other),
                "{one:?} {other:?}\n{picture}"
            );
        }
    }
}

#[test]
fn an_empty_graph_is_a_picture_too() {
    let empty = Graph::default();
    assert_eq!(mermaid(&empty), "flowchart TD\n");
    assert!(dot(&empty).starts_with("digraph runbook {"));
    assert!(svg(&empty, "").ends_with("</svg>\n"));
}

#[test]
fn a_long_graph_is_drawn_at_once() {
    let nodes: Vec<Node> = (0..400)
        .map(|at| Node::new(format!("Step {at}"), Look::Change))
        .collect();
    let mut arrows: Vec<(usize, usize)> = (1..400).map(|at| (at - 1, at)).collect();
    arrows.extend((5..400).map(|at| (at - 5, at)));
    let graph = Graph { nodes, arrows };
    assert_eq!(rectangles(&svg(&graph, "long")).len(), 400);
}
