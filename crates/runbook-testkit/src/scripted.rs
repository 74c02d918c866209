//! Actions that follow a script: `probe` looks, `act` changes, `smash` destroys, `keep` writes a value of the
//! [`World`] and can put back what was there. Each use has a `name`, by which the script says what happens; what `keep`
//! does to tell what it would change, to get ready and to put back goes by the names `preview NAME`, `prepare NAME` and
//! `undo NAME`.

use std::collections::{BTreeMap, VecDeque};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::schema::{Field, Shape};
use runbook_action::{
    Action, Call, ConnectionNeed, Effect, ErrorKind, Failure, Handle, Host, Inverse, Kind, Mark as Line,
    Output, Param, Preview, PreviewLine, Recognised, Settled, Spec, Undoing, async_trait,
};
use runbook_engine::Clock;
use runbook_plan::Catalogue;
use serde_json::{Value, json};

use crate::clock::FakeClock;
use crate::play::{End, Play};
use crate::tape::{Mark, Tape};
use crate::world::{Act, Deed, World};

/// The actions of a scenario, with what they do. Clones share all of it, and it outlives the engine.
#[derive(Debug, Clone)]
pub struct Script {
    clock: Arc<FakeClock>,
    tape: Tape,
    plays: Arc<Mutex<BTreeMap<String, VecDeque<Play>>>>,
    world: World,
}

impl Script {
    /// Nothing is said yet: whatever is called works and takes no time.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>, tape: Tape) -> Self {
        Self {
            clock,
            tape,
            plays: Arc::default(),
            world: World::default(),
        }
    }

    /// What the calls of this name do, in their order. The last one is repeated.
    pub fn on(&self, name: &str, plays: impl IntoIterator<Item = Play>) {
        let mut all = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.to_owned(), plays.into_iter().collect());
    }

    /// What a resumed run finds of an attempt of this name. Nothing, if the script does not say.
    pub fn settles(&self, name: &str, result: Result<Settled, Failure>) {
        self.world.settles(name, result);
    }

    /// What `keep` reads and writes. Tests may write to it as well, and be somebody else.
    #[must_use]
    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// How often something of this name has taken effect, whatever it said afterwards.
    #[must_use]
    pub fn effects(&self, name: &str) -> u32 {
        self.world.effects(name)
    }

    /// The handles with which an attempt of this name was last settled.
    #[must_use]
    pub fn handles(&self, name: &str) -> Vec<Handle> {
        self.world.handles(name)
    }

    /// A catalogue with the four actions.
    #[must_use]
    pub fn catalogue(&self) -> Catalogue {
        let mut catalogue = Catalogue::new();
        for (spec, effect) in [
            (&PROBE, Effect::Read),
            (&ACT, Effect::Change),
            (&SMASH, Effect::Destructive),
            (&KEEP, Effect::Change),
        ] {
            catalogue.add(Arc::new(Scripted {
                spec,
                effect,
                script: self.clone(),
            }));
        }
        catalogue
    }

    fn next(&self, name: &str) -> Play {
        let mut all = self.plays.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(name) {
            Some(plays) if plays.len() > 1 => plays.pop_front().unwrap_or_else(Play::works),
            Some(plays) => plays.front().cloned().unwrap_or_else(Play::works),
            None => Play::works(),
        }
    }
}

const RESULT: &[Field] = &[
    Field::required("got", Shape::Any, "What the script gives."),
    Field::required("said", Shape::Any, "The parameters, as they arrived."),
];

const fn spec(kind: &'static str) -> Spec {
    Spec {
        kind,
        doc: "Does what the script says.",
        params: Shape::Map(&Shape::Any),
        result: RESULT,
        connection: ConnectionNeed::None,
        connections: &[],
        takes_env: true,
    }
}

static PROBE: Spec = spec("probe");
static ACT: Spec = spec("act");
static SMASH: Spec = spec("smash");
static KEEP: Spec = spec("keep");

struct Scripted {
    spec: &'static Spec,
    effect: Effect,
    script: Script,
}

impl Kind for Scripted {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let name = match params.get("name") {
            Some(Param::Text(text)) => text.to_string(),
            _ => {
                return Err(Failure::new(ErrorKind::Other, "expected text").about("name"));
            }
        };
        if name == "unrecognisable" {
            resume_unwind(Box::new("recognising it panics"));
        }
        if self.keeps() && !matches!(params.get("key"), Some(Param::Text(_))) {
            return Err(Failure::new(ErrorKind::Other, "expected text").about("key"));
        }
        Ok(Recognised {
            effect: self.effect,
            certain: true,
            summary: format!("{} {name}", self.spec.kind),
            undoing: if self.keeps() {
                Undoing::Automatic
            } else {
                Undoing::ByAuthor
            },
        })
    }
}

#[async_trait]
impl Action for Scripted {
    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let said = call.params.reveal();
        let name = text(&said, "name");
        let (world, deed) = (self.script.world(), deed(&call, name));
        let kept = self.keeps().then(|| {
            let value = said.get("value").cloned().unwrap_or_default();
            (text(&said, "key").to_owned(), value)
        });
        let changes = self.effect > Effect::Read;
        let act = move || {
            if changes {
                world.count_effect(&deed);
            }
            if let Some((key, value)) = &kept {
                world.set(key, value.clone());
            }
            Ok(())
        };
        let got = self.perform(name, self.effect, call.host, Arc::new(act)).await?;
        let left = self
            .tells_late(&said)
            .then(|| json!({ text(&said, "key"): said.get("value") }));
        Ok(Output {
            left,
            ..json!({ "got": got, "said": said }).into()
        })
    }

    /// What `keep` would write, and nothing of the others.
    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        if !self.keeps() {
            return Ok(None);
        }
        let said = call.params.reveal();
        let key = text(&said, "key");
        let name = format!("preview {}", text(&said, "name"));
        self.perform(&name, Effect::Read, call.host, Arc::new(|| Ok(())))
            .await?;
        let (old, new) = (
            self.script.world.get(key),
            said.get("value").cloned().unwrap_or_default(),
        );
        let line = |mark, value: Value| PreviewLine::new(mark, format!("{key} = {value}"));
        Ok(Some(Preview {
            lines: vec![line(Line::Removed, old), line(Line::Added, new)],
            ..Preview::new(format!("`{key}` would change"))
        }))
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        if !self.keeps() {
            return Ok(None);
        }
        let said = call.params.reveal();
        let (key, value) = (text(&said, "key"), said.get("value"));
        let name = format!("prepare {}", text(&said, "name"));
        self.perform(&name, Effect::Read, call.host, Arc::new(|| Ok(())))
            .await?;
        let old = self.script.world.get(key);
        Ok(Some(Inverse {
            version: 1,
            summary: format!("put back `{key} = {old}`"),
            expects: if self.tells_late(&said) {
                json!({})
            } else {
                json!({ key: value })
            },
            data: json!({ key: old }),
        }))
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        let said = call.params.reveal();
        if !self.keeps() {
            return Err(Failure::new(ErrorKind::Other, "there is nothing to put back"));
        }
        let key = text(&said, "key").to_owned();
        let name = format!("undo {}", text(&said, "name"));
        let (world, deed, inverse) = (self.script.world(), deed(&call, &name), inverse.clone());
        let act = move || {
            if inverse.is_due(&json!({ &key: world.get(&key) }))? {
                world.count_effect(&deed);
                world.set(&key, inverse.data.get(&key).cloned().unwrap_or_default());
            }
            Ok(())
        };
        let got = self.perform(&name, self.effect, call.host, Arc::new(act)).await?;
        Ok(json!({ "got": got, "said": said }).into())
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let said = call.params.reveal();
        let name = text(&said, "name");
        self.script.tape.mark(Mark::Settled(name.to_owned()));
        self.script.world.settle(name, handles)
    }
}

impl Scripted {
    fn keeps(&self) -> bool {
        self.spec.kind == KEEP.kind
    }

    /// Whether what it leaves is told only when it has acted.
    fn tells_late(&self, said: &Value) -> bool {
        self.keeps() && said.get("late") == Some(&Value::Bool(true))
    }

    /// Plays what is next under this name; `act` is what it does to the world, if the play gets so far.
    async fn perform(&self, name: &str, effect: Effect, host: &dyn Host, act: Act) -> Result<Value, Failure> {
        let Script { tape, .. } = &self.script;
        tape.mark(Mark::Called(self.spec.kind, name.to_owned()));
        let play = self.script.next(name);
        let about = About::new(&self.script.world, &play, &act);
        let result = self.play(play, effect, host, (&act, about)).await;
        let how = result.as_ref().map(drop).map_err(|failure| failure.kind);
        tape.mark(Mark::Returned(name.to_owned(), how));
        result
    }

    async fn play(
        &self,
        play: Play,
        effect: Effect,
        host: &dyn Host,
        (act, about): (&Act, About),
    ) -> Result<Value, Failure> {
        let clock = &self.script.clock;
        for handle in play.records {
            host.record(handle).await?;
        }
        for (stream, bytes) in &play.prints {
            host.write(*stream, bytes).await?;
        }
        let cancelled = Failure::new(ErrorKind::Cancelled, "it was stopped");
        let until = clock.monotonic() + play.takes;
        tokio::select! {
            biased;
            () = clock.wait_until(until) => {}
            () = host.cancelled(), if !matches!(play.end, End::Deaf) => {
                let half = effect > Effect::Read;
                return Err(if half { cancelled.maybe_applied() } else { cancelled });
            }
        }
        drop(about);
        match play.end {
            End::Succeed(value) => act().map(|()| value),
            End::Read(name) => act().map(|()| self.script.world.get(&name)),
            End::Count(name) => act().map(|()| self.script.effects(&name).into()),
            End::Fail { failure, applied } => {
                if applied {
                    act()?;
                }
                Err(*failure)
            }
            End::Hang { applied, cleanup } => {
                if applied {
                    act()?;
                }
                host.cancelled().await;
                clock
                    .wait_until(clock.monotonic() + cleanup.min(host.grace()))
                    .await;
                Err(if applied {
                    cancelled.maybe_applied()
                } else {
                    cancelled
                })
            }
            End::Deaf => std::future::pending().await,
            // No message on the terminal, and no backtrace: it is meant.
            End::Panic => resume_unwind(Box::new("the script says so")),
        }
    }
}

/// An act that is to come. A crash before it leaves open whether it happens.
struct About(Option<(World, u64)>);

impl About {
    fn new(world: &World, play: &Play, act: &Act) -> Self {
        let acts = match &play.end {
            End::Succeed(_) | End::Read(_) | End::Count(_) => true,
            End::Fail { applied, .. } | End::Hang { applied, .. } => *applied,
            End::Deaf | End::Panic => false,
        };
        let takes = !play.takes.is_zero() || !play.records.is_empty() || !play.prints.is_empty();
        Self((acts && takes).then(|| (world.clone(), world.about_to(Arc::clone(act)))))
    }
}

impl Drop for About {
    fn drop(&mut self) {
        if let Some((world, call)) = &self.0 {
            world.no_longer(*call);
        }
    }
}

fn deed(call: &Call<'_>, name: &str) -> Deed {
    let of = |key: &str| call.env.get(key).map_or_else(String::new, ToString::to_string);
    Deed {
        step: of("RUNBOOK_STEP"),
        part: of("RUNBOOK_ATTEMPT"),
        name: name.to_owned(),
    }
}

fn text<'a>(said: &'a Value, key: &str) -> &'a str {
    said.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use runbook_action::Stream;

    use super::*;
    use crate::contract::{Subject, Use, check, written};
    use crate::host::FakeHost;

    fn script() -> Script {
        let clock = Arc::new(FakeClock::new());
        Script::new(Arc::clone(&clock), Tape::new(clock))
    }

    fn keeping(script: &Script) -> (Arc<dyn Action>, Use) {
        let action = script.catalogue().get("keep").cloned().unwrap();
        let params = written(&json!({ "name": "size", "key": "size", "value": 2 }));
        let case = Use {
            params,
            ..Use::default()
        };
        (action, case)
    }

    #[tokio::test]
    async fn scripted_actions_keep_to_the_contract() {
        let used = |name: &str| Use {
            params: written(&json!({ "name": name, "key": "size", "value": 2 })),
            ..Use::default()
        };
        for kind in ["probe", "act", "smash", "keep"] {
            let script = script();
            script.world().set("size", 1);
            script.on("endless", [Play::hangs().prints(Stream::Stdout, "begun")]);
            script.on("failing", [Play::fails("it does not work")]);
            script.on("unready", [Play::fails("it does not work")]);
            script.on("prepare unready", [Play::fails("it cannot be read")]);
            let action = script.catalogue().get(kind).cloned().unwrap();
            check(&Subject {
                action: &*action,
                endless: used("endless"),
                begun: &|host| host.total() > 0,
                failing: vec![used("failing"), used("unready")],
                world: &|| format!("{:?}", script.world().values()),
            })
            .await;
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_put_back_once_and_a_foreign_change_is_left_alone() {
        let script = script();
        let (world, host) = (script.world(), FakeHost::new());
        world.set("size", 1);
        let (action, case) = keeping(&script);
        let kept = case.prepare(&*action, &host).await.unwrap().unwrap();
        assert_eq!(kept.summary, "put back `size = 1`");
        case.run(&*action, &host).await.unwrap();
        assert_eq!(world.get("size"), 2);

        world.set("size", 7);
        let failure = case.undo(&*action, &host, &kept).await.unwrap_err();
        assert_eq!((failure.kind, world.get("size")), (ErrorKind::Conflict, json!(7)));

        world.set("size", 2);
        for _ in 0..2 {
            case.undo(&*action, &host, &kept).await.unwrap();
            assert_eq!(world.get("size"), 1);
        }
        assert_eq!((script.effects("size"), script.effects("undo size")), (1, 1));
    }

    #[tokio::test]
    async fn effects_are_counted_when_they_happen_and_not_when_they_are_told() {
        let script = script();
        script.on(
            "size",
            [Play::fails("no"), Play::acts_then_fails("late"), Play::works()],
        );
        let (action, case) = keeping(&script);
        let host = FakeHost::new();
        let mut effects = Vec::new();
        for _ in 0..3 {
            let failed = case.run(&*action, &host).await.is_err();
            effects.push((failed, script.effects("size"), script.world().get("size")));
        }
        assert_eq!(
            effects,
            [(true, 0, Value::Null), (true, 1, json!(2)), (false, 2, json!(2))]
        );
    }

    #[tokio::test]
    async fn settling_follows_the_script_and_keeps_what_it_was_handed() {
        let script = script();
        let handle = Handle {
            what: "thing".to_owned(),
            data: json!(1),
        };
        script.on("size", [Play::works().records(handle.clone())]);
        let (action, case) = keeping(&script);
        let host = FakeHost::new();
        case.run(&*action, &host).await.unwrap();
        assert_eq!(host.handles(), std::slice::from_ref(&handle));
        assert_eq!(case.settle(&*action, &host, &[]).await, Ok(Settled::Nothing));
        script.settles("size", Ok(Settled::Ended));
        let settled = case.settle(&*action, &host, &host.handles()).await;
        assert_eq!(
            (settled, script.handles("size")),
            (Ok(Settled::Ended), vec![handle])
        );
    }
}
