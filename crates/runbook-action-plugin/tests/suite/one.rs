//! One plugin, seen as an action of its own: its description is as good as that of an action within the program.

use runbook_action::schema::{Field, Object, Shape};
use runbook_action::{
    Action, Call, Failure, Handle, Inverse, Kind, Lack, Output, Param, Preview, Recognised, Settled, Spec,
    async_trait,
};
use runbook_action_plugin::Uses;
use serde_json::Value;

use crate::Project;

pub(crate) struct One {
    uses: Uses,
    spec: &'static Spec,
}

/// A test ends soon enough.
fn kept(text: &str) -> &'static str {
    text.to_owned().leak()
}

impl One {
    pub(crate) fn of(project: &Project, name: &str) -> Self {
        let uses = project.uses();
        let descriptor = &project.lock.plugins[name].descriptor;
        let params = descriptor.params.iter().map(|(key, param)| Field {
            key: kept(key),
            shape: Shape::Any,
            required: param.required,
            doc: kept(&param.doc),
        });
        let with: &'static Object = Box::leak(Box::new(Object {
            name: "use of a plugin",
            fields: params.collect::<Vec<_>>().leak(),
            open: false,
        }));
        let params: &'static Object = Box::leak(Box::new(Object {
            name: "step",
            fields: vec![
                Field::required("uses", Shape::Slug, "The name of the plugin."),
                Field::optional("with", Shape::Object(with), "Its parameters."),
            ]
            .leak(),
            open: false,
        }));
        let result = descriptor
            .result
            .iter()
            .map(|(key, doc)| Field::required(kept(key), Shape::Any, kept(doc)));
        let spec = Box::leak(Box::new(Spec {
            doc: kept(&descriptor.doc),
            params: Shape::Object(params),
            result: result.collect::<Vec<_>>().leak(),
            ..*uses.spec()
        }));
        Self { uses, spec }
    }

    /// A result has the names that the description lists, and no others.
    fn listed(&self, output: Output) -> Output {
        let Value::Object(result) = &output.value else {
            panic!("the result is no mapping: {output:?}")
        };
        let names: Vec<&str> = result.keys().map(String::as_str).collect();
        let listed: Vec<&str> = self.spec.result.iter().map(|field| field.key).collect();
        assert_eq!(names, listed);
        output
    }
}

impl Kind for One {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        self.uses.recognise(params)
    }
}

#[async_trait]
impl Action for One {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        self.uses.lacks(params, connection)
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        self.uses.run(call).await.map(|output| self.listed(output))
    }

    async fn preview(&self, call: Call<'_>) -> Result<Option<Preview>, Failure> {
        self.uses.preview(call).await
    }

    async fn prepare(&self, call: Call<'_>) -> Result<Option<Inverse>, Failure> {
        self.uses.prepare(call).await
    }

    async fn undo(&self, call: Call<'_>, inverse: &Inverse) -> Result<Output, Failure> {
        self.uses
            .undo(call, inverse)
            .await
            .map(|output| self.listed(output))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        self.uses.settle(call, handles).await
    }
}
