//! The program is killed at any moment, again and again, and goes on: nothing is done twice, and nothing is forgotten.
//!
//! The runbook counts what it does, in a file and in a PostgreSQL server. The program gets SIGKILL when its journal has
//! grown by so many bytes, of which the number is drawn: so the moments are spread over what it does, however fast the
//! machine is. What nobody can tell is told by whoever looks at the counts, which are the truth.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use runbook_testkit::postgres::Cluster;
use rustix::process::Signal;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use tokio::runtime::Runtime;

use crate::harness::{Ended, Project, Run, Running};

/// What is harmless twice, what its gate decides, and what only a person can tell about: by a shell, in a database, in a
/// loop, in a runbook that is called.
const RUNBOOK: &str = r#"apiVersion: runbook/v1
name: counted
version: 1.0.0
title: All that it does is counted
inputs:
  database: {type: string}
  who: {type: string}
  fails: {type: boolean, default: false}
connections: {db: {sql: "{{ inputs.database }}"}}
lock: "counted {{ inputs.who }}"
steps:
  - id: set
    shell: echo set >> log; echo ready > state
    idempotent: true
    rollback: {shell: echo undo_set >> log; rm -f state, idempotent: true}
  - id: decided
    shell: echo decided >> log
    verify: [{id: there, shell: grep -qx decided log}]
    verify_decides: true
    rollback: {shell: echo undo_decided >> log, verify: [{id: undone, shell: grep -qx undo_decided log}]}
  - id: plain
    shell: echo plain >> log
    rollback: {shell: echo undo_plain >> log}
  - id: row
    needs: [decided]
    sql:
      query: "INSERT INTO effects VALUES (:who, 'row')"
      bind: {who: "{{ inputs.who }}"}
    rollback:
      sql: {query: "INSERT INTO effects VALUES (:who, 'undo_row')", bind: {who: "{{ inputs.who }}"}}
  - id: gated
    needs: [row]
    sql:
      query: "INSERT INTO effects VALUES (:who, 'gated')"
      bind: {who: "{{ inputs.who }}"}
    verify:
      - id: there
        sql: {query: "SELECT 1 FROM effects WHERE who = :who AND what = 'gated'", bind: {who: "{{ inputs.who }}"}}
        expect: rows | length == 1
    verify_decides: true
    rollback:
      sql: {query: "INSERT INTO effects VALUES (:who, 'undo_gated')", bind: {who: "{{ inputs.who }}"}}
  - id: each
    needs: [plain, gated]
    for_each: {item: name, in: '["a", "b", "c"]', batch: 2}
    steps:
      - id: item
        shell: echo "item_$NAME" >> log
        env: {NAME: "{{ name }}"}
        verify: [{id: counted, exec: [grep, -qx, "item_{{ name }}", log]}]
        verify_decides: true
        rollback: {shell: echo "undo_item_$NAME" >> log}
  - {id: call, runbook: {name: called}}
  - {id: fails, when: inputs.fails, shell: exit 1, effect: read}
verify: [{id: ready, shell: test -e state}]
"#;

const CALLED: &str = r"apiVersion: runbook/v1
name: called
version: 1.0.0
title: It is called
steps:
  - {id: inner, shell: echo inner >> log, rollback: {shell: echo undo_inner >> log}}
  - id: known
    shell: echo known >> log
    verify: [{id: there, shell: grep -qx known log}]
    verify_decides: true
    rollback: {shell: echo undo_known >> log}
";

/// What is done once, whatever happens.
const ONCE: [&str; 9] = [
    "decided", "plain", "row", "gated", "item_a", "item_b", "item_c", "inner", "known",
];

/// How a run goes where nothing kills it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It is resolved.
    Forward,
    /// Its last step fails, and all is undone.
    Back,
    /// It is resolved, and a person has it undone.
    Later,
}

/// Numbers that are drawn.
struct Draw(u64);

impl Draw {
    /// A number below this one.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// One run, with all that kills it.
struct Case<'a> {
    project: Project,
    database: &'a str,
    who: String,
    way: Way,
    draw: Draw,
    /// How often it may be killed yet.
    left: usize,
    killed: usize,
    /// What a person had to tell.
    told: usize,
}

impl<'a> Case<'a> {
    fn new(seed: u64, way: Way, database: &'a str, kills: usize) -> Self {
        Self {
            project: Project::empty()
                .with("runbooks/counted.yaml", RUNBOOK)
                .with("runbooks/called.yaml", CALLED),
            database,
            who: format!("{way:?} {seed}"),
            way,
            draw: Draw(seed),
            left: kills,
            killed: 0,
            told: 0,
        }
    }

    /// The run, once it has begun.
    fn run(&self) -> Option<Run> {
        let mut runs = self.project.runs();
        runs.retain(|run| run.path("journal.jsonl").exists() && !run.records().is_empty());
        assert!(runs.len() < 2, "a run begins once");
        runs.pop()
    }

    fn size(&self) -> u64 {
        let journal = |run: Run| fs::metadata(run.path("journal.jsonl")).map_or(0, |about| about.len());
        self.project.runs().into_iter().map(journal).sum()
    }

    /// Starts it, and kills it when its journal has grown by so much. None if it was killed.
    fn start(&mut self, args: &[&str]) -> Option<Ended> {
        let running = self.project.start(args);
        if self.left == 0 {
            return Some(running.end());
        }
        let until = self.size() + self.draw.below(14_000);
        let ended = kill_at(running, || self.size() > until);
        if ended.is_none() {
            self.left -= 1;
            self.killed += 1;
        }
        ended
    }

    /// Has it run to its end.
    fn play(&mut self) {
        let mut ended = self.exec();
        let mut undone = self.way != Way::Later;
        loop {
            let name = self.run().map(|run| run.name());
            let next = match (ended, name) {
                (None, None) => self.anew(),
                (None, Some(name)) => self.start(&["resume", &name, "--yes"]),
                (Some(end), Some(name)) => match (end.code, undone) {
                    (9, _) => self.answer(&name),
                    (0, false) => self.start(&["rollback", &name, "--yes"]),
                    (0, true) if self.way == Way::Forward => return,
                    (5, true) if self.way != Way::Forward => return,
                    // It was killed right after its end.
                    (2, true)
                        if self.way != Way::Forward && end.stderr.contains("it ended as rolled_back") =>
                    {
                        return;
                    }
                    _ => panic!(
                        "{}: it ended otherwise\n{}\n{}",
                        self.who,
                        end.all(),
                        self.journal()
                    ),
                },
                (Some(end), None) => panic!("{}: it did not begin\n{}", self.who, end.all()),
            };
            undone |= self.run().is_some_and(|run| {
                run.events("run_resumed")
                    .iter()
                    .any(|event| event["how"] == "rollback")
            });
            ended = next;
        }
    }

    fn exec(&mut self) -> Option<Ended> {
        let [database, who] = [("database", self.database), ("who", self.who.as_str())]
            .map(|(name, value)| format!("{name}={value}"));
        let fails = format!("fails={}", self.way == Way::Back);
        let args = ["exec", "counted", "-i", &database, "-i", &who, "-i", &fails];
        self.start(&args)
    }

    /// It was killed before it had begun: it has done nothing. Where not even its directory was made, nobody can tell
    /// that from one that was removed, and its lock is for a person to take away.
    fn anew(&mut self) -> Option<Ended> {
        assert!(self.counts().is_empty(), "{}", self.who);
        let locks = self.project.run(&["locks", "--format", "json"]).json();
        for lock in locks["locks"].as_array().expect("there is a list") {
            let [lock, run] = ["lock", "run"].map(|key| lock[key].as_str().expect("it is text"));
            if !self.project.path(&format!(".runbook/runs/{run}")).exists() {
                self.project
                    .run(&["unlock", lock, "--reason", "it had not begun"])
                    .expect(0);
            }
        }
        self.exec()
    }

    /// Somebody looks, and tells what is so.
    fn answer(&mut self, name: &str) -> Option<Ended> {
        let counts = self.counts();
        let run = self.run().expect("it is there");
        let records = run.records();
        let resumed = records
            .iter()
            .rposition(|record| record["event"] == "run_resumed");
        let doubts = records[resumed.unwrap_or(0)..]
            .iter()
            .filter(|record| record["event"] == "doubted");
        let mut args: Vec<String> = ["resume", name, "--yes", "--reason", "it was counted"]
            .map(str::to_owned)
            .into();
        for doubt in doubts {
            let step = doubt["step"].as_str().expect("it is of a step");
            let undo = if doubt["undoing"] == true { "undo_" } else { "" };
            let what = format!("{undo}{}", effect_of(step));
            assert!(
                ONCE.contains(&effect_of(step).as_str()),
                "{}: nobody had to tell of {step}",
                self.who
            );
            let truth = if counts.contains_key(&what) {
                "done"
            } else {
                "not-started"
            };
            args.extend(["--assume", truth, step].map(str::to_owned));
            self.told += 1;
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.start(&args)
    }

    /// How often what was done.
    fn counts(&self) -> BTreeMap<String, usize> {
        let log = fs::read_to_string(self.project.path("log")).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for what in log
            .lines()
            .map(str::to_owned)
            .chain(rows(self.database, &self.who))
        {
            *counts.entry(what).or_insert(0) += 1;
        }
        counts
    }

    fn journal(&self) -> String {
        self.run().map(|run| run.text()).unwrap_or_default()
    }

    /// Whether all is as if nothing had ever killed it.
    fn check(&self) {
        let mut counts = self.counts();
        let shown = format!("{}: {counts:?}\n{}", self.who, self.journal());
        let undone = self.way != Way::Forward;
        assert!(counts.remove("set").is_some(), "{shown}");
        assert_eq!(counts.remove("undo_set").is_some(), undone, "{shown}");
        assert_eq!(self.project.path("state").exists(), !undone, "{shown}");
        let undos = ONCE.iter().filter(|_| undone).map(|what| format!("undo_{what}"));
        let once = ONCE.iter().map(|what| (*what).to_owned()).chain(undos);
        let expected: BTreeMap<String, usize> = once.map(|what| (what, 1)).collect();
        assert_eq!(counts, expected, "{shown}");
        let run = self.run().expect("it is there");
        let name = run.name();
        self.project.run(&["verify", &name]).expect(0);
        self.project
            .run(&["locks"])
            .expect(0)
            .says(&["no run owns a lock"]);
        self.project.run(&["report", &name]).expect(0);
    }
}

/// What is counted of a step: `item_a` of `each[a]/item`, `inner` of `call/inner`.
fn effect_of(step: &str) -> String {
    let last = step.rsplit('/').next().unwrap_or(step);
    let (id, key) = last.split_once('[').unwrap_or((last, ""));
    match key.trim_end_matches(']') {
        "" => id.to_owned(),
        key => format!("{id}_{key}"),
    }
}

/// Kills it when it is time. None if that came before its end.
fn kill_at(mut running: Running, is_time: impl Fn() -> bool) -> Option<Ended> {
    while !running.has_ended() {
        if is_time() {
            running.signal(Signal::KILL);
            let ended = running.end();
            return (ended.code != -1).then_some(ended);
        }
        std::thread::sleep(Duration::from_micros(500)); // paced: the journal is looked at as it grows
    }
    Some(running.end())
}

fn rows(database: &str, who: &str) -> Vec<String> {
    Runtime::new().expect("it starts").block_on(async {
        let mut connection = PgConnection::connect(database).await.expect("there is room");
        let rows = sqlx::query("SELECT what FROM effects WHERE who = $1")
            .bind(who)
            .fetch_all(&mut connection)
            .await
            .expect("it answers");
        connection.close().await.expect("it is still there");
        rows.iter().map(|row| row.get(0)).collect()
    })
}

/// Plays runs until so many kills have come to pass. Answers the number of them, and of what had to be told.
fn kill(seed: u64, kills: usize, database: &str) -> (usize, usize) {
    let (mut killed, mut told, mut number) = (0, 0, 0);
    while killed < kills {
        let way = [Way::Forward, Way::Back, Way::Later][number % 3];
        let case_seed = seed * 1_000_003 + number as u64;
        let mut case = Case::new(case_seed, way, database, (kills - killed).min(14));
        case.play();
        case.check();
        (killed, told, number) = (killed + case.killed, told + case.told, number + 1);
    }
    (killed, told)
}

/// Several at a time, each with its own seeds.
#[expect(clippy::print_stdout, reason = "the longer form is looked at by people")]
fn kills(each: usize, seeds: std::ops::Range<u64>) {
    let cluster = Cluster::start();
    let database = cluster.url("postgres");
    let database = database.as_str();
    Runtime::new().expect("it starts").block_on(async {
        let mut connection = PgConnection::connect(database).await.expect("there is room");
        let made = sqlx::query("CREATE TABLE effects (who text, what text)").execute(&mut connection);
        made.await.expect("it is made");
        connection.close().await.expect("it is still there");
    });
    let (mut killed, mut told) = (0, 0);
    std::thread::scope(|scope| {
        let players: Vec<_> = seeds
            .map(|seed| scope.spawn(move || kill(seed, each, database)))
            .collect();
        for player in players {
            let (own, own_told) = player.join().expect("it ended well");
            killed += own;
            told += own_told;
        }
    });
    println!("{killed} kills; {told} times somebody had to tell what was so");
    assert!(told > 0, "some of what was killed is in doubt");
}

#[test]
fn two_hundred_kills_double_nothing_and_lose_nothing() {
    kills(50, 0..4);
}

#[test]
#[ignore = "it takes many minutes"]
fn ten_thousand_kills_double_nothing_and_lose_nothing() {
    kills(2_500, 100..104);
}
