//! The report as a page, opened in a real browser: it asks nobody for anything, everybody can read it, on a screen of any
//! width, in the dark, and on paper. Whatever a run printed is text in it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Browser, Ended, Page, Project, Seen};

const MEASURES: &str = include_str!("harness/measures.js");

/// Most of what a picture shows: attempts that fail, a gate that waits, a person who is asked, a loop, what is skipped, what
/// cannot be undone. The titles are long, and each says where it begins and ends.
const POOL: &str = r#"apiVersion: runbook/v1
name: pool
version: 1.0.0
title: The pool is nearly full
severity: sev2
inputs:
  stops: {type: string, default: none, help: The host at which it stops.}
  undo: {type: string, default: works, help: Whether the undo of the first change works.}
detect:
  - {id: full, title: It is nearly full, shell: cat used, value: stdout | int, expect: value > 90}
guards:
  - {id: alive, title: It answers, shell: echo ok, expect: stdout == "ok", every: 100ms}
steps:
  - id: look
    title: begin01 See who holds connections, and for how long they have held them already end01
    shell: n=$(cat tries 2>/dev/null || echo 0); echo $((n + 1)) > tries; [ "$n" -ge 1 ] || exit 7; echo 97
    effect: read
    retry: {attempts: 3, delay: 100ms}
  - id: elsewhere
    title: begin02 Tell those who look after the other region of it, if it is theirs end02
    when: inputs.stops == "elsewhere"
    shell: echo told
    effect: read
  - id: free
    title: begin03 End the sessions that nobody has used for more than an hour end03
    approve: {message: End 44 sessions?}
    shell: (for n in 88 84 79 71; do echo $n > used; sleep 0.06; done; echo 61 > used) > /dev/null 2>&1 &
    verify:
      - {id: room, title: There is room, shell: cat used, value: stdout | int, expect: value < 80, every: 40ms, within: 20s, consecutive: 2}
    rollback: {shell: '[ "$UNDO" = works ] || exit 3; echo 97 > used', env: {UNDO: "{{ inputs.undo }}"}}
  - id: hosts
    title: begin04 Widen the pool on each of the hosts, two of them at a time end04
    for_each: {item: host, in: "['east', 'north', 'west']", batch: 2}
    steps:
      - id: widen
        title: begin05 Raise the limit to a hundred and fifty connections here end05
        shell: '[ "$HOST" != "$STOPS" ] || { echo "the licence allows 100" >&2; exit 2; }; echo "limit 150"'
        env: {HOST: "{{ host }}", STOPS: "{{ inputs.stops }}"}
        rollback: {shell: echo limit 100}
  - id: tell
    title: begin06 Tell the channel of those on call what was done and what to watch end06
    shell: echo told
    irreversible: What was told was told.
verify:
  - {id: room, title: There is room in the end, shell: cat used, value: stdout | int, expect: value < 80}
finally:
  - {id: clean, title: begin07 Remove what was kept on the way and is of no use to anybody now end07, shell: rm -f tries, irreversible: It is scratch.}
"#;

/// A step ends the program, once.
const CRASH: &str = r#"apiVersion: runbook/v1
name: crash
version: 1.0.0
title: Interrupted
steps:
  - {id: before, title: begin01 Done before the crash end01, shell: echo done, effect: read}
  - id: crash
    title: begin02 Under way when the program is killed end02
    shell: '[ -e crashed ] || { touch crashed; kill -KILL "$PPID"; sleep 1; }; echo went on'
    effect: read
  - {id: after, title: begin03 Done after it end03, shell: echo done, effect: read}
"#;

/// All that a page must not take for anything but text.
const HOSTILE: &str = r#"apiVersion: runbook/v1
name: hostile
version: 1.0.0
title: "</title><script>alert(1)</script> [a](javascript:alert(1)) ![x](http://evil.example/x.png)"
summary: "<img src=http://evil.example/y.png onerror=alert(1)> <!-- never closed"
steps:
  - id: evil
    title: "</style><svg onload=alert(2)> \u202etxt.exe <b>bold</b> \"'><iframe src=http://evil.example>"
    shell: |
      printf '<script>fetch("http://evil.example/")</script>\n\033[31mred\033[0m \033]8;;http://evil.example\007link\033]8;;\007\n'
      printf 'bidi \342\200\256 txt.exe nul \000 end\n```\n# heading\n</code></pre><b>x\n'
      printf '[l](http://evil.example) ![i](http://evil.example/i.png) <base href=http://evil.example>\n'
      head -c 10000000 /dev/zero | tr '\0' 'x'
    effect: read
  - id: long
    title: One long line, then a failure
    shell: head -c 10000000 /dev/zero | tr '\0' '<' >&2; exit 9
    effect: read
    on_failure: continue
"#;

const LIGHT: Seen = Seen {
    width: 1280,
    dark: false,
};
const DARK: Seen = Seen {
    width: 1280,
    dark: true,
};
const PHONE: Seen = Seen {
    width: 360,
    dark: false,
};
const PHONE_DARK: Seen = Seen {
    width: 360,
    dark: true,
};

/// The last run's report as a page, in a file.
fn page(project: &Project, format: &str, name: &str) -> PathBuf {
    let file = project.path(name);
    let to = file.to_str().expect("it is a text");
    project
        .run(&["report", "last", "--format", format, "--output", to])
        .expect(0);
    file
}

fn pool(inputs: &[&str], outcome: &str) -> Project {
    let project = Project::empty().with("pool.yaml", POOL).with("used", "97\n");
    project.exec("pool.yaml", inputs, outcome);
    project
}

fn crashed() -> Project {
    let project = Project::empty().with("crash.yaml", CRASH);
    let killed: Ended = project.run(&["exec", "crash.yaml", "--yes"]);
    assert_eq!(killed.code, -1, "it is killed\n{}", killed.all());
    project.run(&["resume", "last"]).expect(0);
    project
}

fn hostile() -> Project {
    let project = Project::empty().with("hostile.yaml", HOSTILE);
    project.exec("hostile.yaml", &[], "resolved");
    project
}

#[test]
fn a_page_is_for_everybody() {
    let runs = [
        ("resolved", pool(&[], "resolved")),
        ("rolled back", pool(&["stops=west"], "rolled_back")),
        (
            "rollback failed",
            pool(&["stops=west", "undo=broken"], "rollback_failed"),
        ),
        ("crashed", crashed()),
        ("hostile", hostile()),
    ];
    let mut browser = Browser::start();
    for (name, project) in &runs {
        let file = page(project, "html", "report.html");
        let mut shown = browser.open(&file, LIGHT);
        for seen in [LIGHT, DARK, PHONE, PHONE_DARK] {
            shown.see(seen);
            measured(&mut shown, name, seen.width);
        }
        is_alone(&mut shown, &file, name);
        prints(&mut shown, project, name);
        drop(shown);
        for_paper(&mut browser, project, name);
    }
    let (_, hostile) = &runs[4];
    stays_text(&mut browser, &hostile.path("report.html"));
}

/// Every text and every form can be told from what is behind it, nothing is wider than the screen, and those who do not
/// see the page find their way in it.
fn measured(page: &mut Page<'_>, name: &str, width: u32) {
    let measured = page.ask(MEASURES);
    let list = |key: &str| measured[key].as_array().cloned().unwrap_or_default();
    let number = |key: &str| measured[key].as_u64().unwrap_or(u64::MAX);
    assert!(number("texts") > 50 && number("forms") > 3, "{name}: {measured}");
    assert_eq!(list("low"), Vec::<Value>::new(), "{name}, {width}: hard to see");
    assert_eq!(
        list("wide"),
        Vec::<Value>::new(),
        "{name}, {width}: wider than the page"
    );
    assert_eq!(number("scrolls"), 0, "{name}, {width}");
    assert_eq!(number("innerWidth"), u64::from(width), "{name}");
    assert_eq!(list("wrong"), Vec::<Value>::new(), "{name}");
}

/// The page asks for nothing but itself, and nothing goes wrong in it.
fn is_alone(page: &mut Page<'_>, file: &Path, name: &str) {
    let (asked, wrong) = page.traffic();
    assert_eq!(asked, [format!("file://{}", file.display())], "{name}");
    assert_eq!(wrong, Vec::<String>::new(), "{name}");
    let cut = page
        .ask("document.querySelectorAll('main section').length")
        .as_u64();
    assert!(cut.is_some_and(|sections| sections > 8), "{name}: {cut:?}");
}

/// What a page prints, as text, page by page.
fn on_paper(page: &mut Page<'_>, project: &Project) -> Vec<String> {
    fs::write(project.path("report.pdf"), page.print()).expect("there is room");
    let info = project.command("pdfinfo", &["report.pdf"]).output();
    let info = Ended::of(&info.expect("poppler-utils is installed")).expect(0);
    let line = |key: &str| {
        info.stdout
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    assert!(line("Page size:").contains("(A4)"), "{}", info.stdout);
    let text = project.command("pdftotext", &["report.pdf", "-"]).output();
    let text = Ended::of(&text.expect("poppler-utils is installed"))
        .expect(0)
        .stdout;
    let pages: Vec<String> = text.split_terminator('\u{c}').map(str::to_owned).collect();
    assert_eq!(Some(pages.len()), line("Pages:").parse().ok());
    pages
}

/// A text without its blanks.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What begins on a page ends there.
fn rows_are_whole(page: &str, name: &str) {
    let mut found: HashMap<&str, [usize; 2]> = HashMap::new();
    for (which, word) in [(0, "begin"), (1, "end")] {
        for (place, _) in page.match_indices(word) {
            let from = place + word.len();
            let number = page.get(from..from + 2).unwrap_or_default();
            if number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()) {
                found.entry(number).or_default()[which] += 1;
            }
        }
    }
    assert!(
        found.values().all(|[begins, ends]| begins == ends),
        "{name}: a row is cut: {found:?}: {page}"
    );
}

/// No row is cut, no heading stands alone at the end of a page, and what a screen opens is open.
fn prints(page: &mut Page<'_>, project: &Project, name: &str) {
    // As it was loaded: what was opened to be measured is closed again, and somebody likes it dark.
    page.ask("document.querySelectorAll('details').forEach((details) => (details.open = false))");
    page.see(DARK);
    let pages = on_paper(page, project);
    let count = pages.len();
    assert!((2..40).contains(&count), "{name}: {count} pages");
    let headings = page.ask("[...document.querySelectorAll('h2, h3, h4, figcaption, summary')].map((it) => it.textContent.trim())");
    let headings: Vec<&str> = headings
        .as_array()
        .map_or(&[] as &[Value], Vec::as_slice)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for (at, text) in pages.iter().enumerate() {
        let at = at + 1;
        // How wide a blank is in print is a matter of taste.
        let number = format!("{at}/{count}");
        assert!(
            squeezed(text).contains(&number),
            "{name}: page {at} of {count}: {text}"
        );
        rows_are_whole(text, name);
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        // The last are those of the margin.
        let last = lines
            .iter()
            .rev()
            .find(|line| !line.starts_with("Run 2") && squeezed(line) != number);
        assert!(
            last.is_none_or(|last| !headings.contains(last)),
            "{name}: page {at} ends with a heading: {last:?}"
        );
    }
    if name != "hostile" {
        // Wherever its lines end.
        let words: Vec<&str> = pages.iter().flat_map(|page| page.split_whitespace()).collect();
        assert!(
            words.join(" ").contains("How it ended"),
            "{name}: what opens is not printed"
        );
    }
    page.medium("print", true);
    let paper = page.ask("getComputedStyle(document.body).backgroundColor");
    assert_eq!(paper, Value::from("rgb(255, 255, 255)"), "{name}: paper is white");
    measured_on_paper(page, name);
}

fn measured_on_paper(page: &mut Page<'_>, name: &str) {
    let measured = page.ask(MEASURES);
    assert_eq!(
        measured["low"],
        Value::Array(Vec::new()),
        "{name}: hard to see on paper"
    );
}

/// The page that is made for paper is light whatever one likes, and all of it is open.
fn for_paper(browser: &mut Browser, project: &Project, name: &str) {
    let file = page(project, "pdf-ready", "paper.html");
    let mut shown = browser.open(&file, DARK);
    let closed = shown.ask("document.querySelectorAll('details:not([open])').length");
    assert_eq!(closed, Value::from(0), "{name}");
    assert_eq!(
        shown.ask("getComputedStyle(document.body).backgroundColor"),
        Value::from("rgb(255, 255, 255)"),
        "{name}"
    );
    measured(&mut shown, name, DARK.width);
    is_alone(&mut shown, &file, name);
}

/// What a run printed and what its runbook is called is there to be read.
fn stays_text(browser: &mut Browser, file: &Path) {
    let size = fs::metadata(file).expect("it was written").len();
    assert!(size < 1_000_000, "{size} bytes");
    let mut shown = browser.open(file, LIGHT);
    let text = shown.ask("document.body.textContent");
    let text = text.as_str().expect("it is a text");
    for part in [
        "<script>alert(1)</script> [a](javascript:alert(1)) ![x](http://evil.example/x.png)",
        "<img src=http://evil.example/y.png onerror=alert(1)> <!-- never closed",
        "</style><svg onload=alert(2)> ⟨U+202E⟩txt.exe <b>bold</b> \"'><iframe src=http://evil.example>",
        "<script>fetch(\"http://evil.example/\")</script>\nred link\nbidi ⟨U+202E⟩ txt.exe nul ⟨U+0000⟩ end\n```\n# heading\n</code></pre><b>x",
        "[l](http://evil.example) ![i](http://evil.example/i.png) <base href=http://evil.example>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
