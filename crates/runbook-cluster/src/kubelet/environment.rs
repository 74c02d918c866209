//! The environment variables of a container, and the references to them in its command.

use base64::Engine as _;
use serde_json::Value;

use super::link::Link;
use super::resources::thousandths;
use super::spec::Named as _;
use crate::object::Fields as _;

/// What variables are made from.
pub(super) struct Source<'a> {
    pub(super) link: &'a Link,
    pub(super) pod: &'a Value,
    pub(super) container: &'a Value,
    pub(super) address: &'a str,
}

/// Name and value.
pub(super) type Variable = (String, String);

impl Source<'_> {
    /// All of them, over those that the image brings; what is missing is told as the kubelet tells it.
    pub(super) fn variables(&self, image: &[Variable]) -> Result<Vec<Variable>, String> {
        let mut found = vec![
            ("HOSTNAME".to_owned(), self.pod.name().to_owned()),
            ("KUBERNETES_SERVICE_HOST".to_owned(), "10.96.0.1".to_owned()),
            ("KUBERNETES_SERVICE_PORT".to_owned(), "443".to_owned()),
        ];
        for (name, value) in image {
            set(&mut found, name, value.clone());
        }
        for source in self.container.items("/envFrom") {
            let prefix = source.text("/prefix");
            for (kind, field) in [(Kind::ConfigMap, "/configMapRef"), (Kind::Secret, "/secretRef")] {
                let reference = source.at(field);
                if !reference.is_null() {
                    for (key, value) in self.data(kind, reference)?.unwrap_or_default() {
                        set(&mut found, &format!("{prefix}{key}"), value);
                    }
                }
            }
        }
        for variable in self.container.items("/env") {
            let from = variable.at("/valueFrom");
            let value = if from.is_null() {
                Some(expand(variable.text("/value"), &found))
            } else {
                self.value(from)?
            };
            if let Some(value) = value {
                set(&mut found, variable.name_of(), value);
            }
        }
        Ok(found)
    }

    fn value(&self, from: &Value) -> Result<Option<String>, String> {
        for (kind, field) in [
            (Kind::ConfigMap, "/configMapKeyRef"),
            (Kind::Secret, "/secretKeyRef"),
        ] {
            let reference = from.at(field);
            if reference.is_null() {
                continue;
            }
            let key = reference.text("/key");
            let data = self.data(kind, reference)?;
            let value = data.and_then(|data| data.into_iter().find(|(known, _)| known == key));
            return match value {
                Some((_, value)) => Ok(Some(value)),
                None if reference.is_true("/optional") => Ok(None),
                None => Err(format!(
                    "couldn't find key {key} in {} {}/{}",
                    kind.title(),
                    self.pod.namespace(),
                    reference.name_of()
                )),
            };
        }
        let path = from.text("/fieldRef/fieldPath");
        if !path.is_empty() {
            return Ok(Some(field(self.pod, path, self.address)));
        }
        Ok(from
            .map("/resourceFieldRef")
            .map(|_| self.resource(from.at("/resourceFieldRef"))))
    }

    fn resource(&self, reference: &Value) -> String {
        let path = reference.text("/resource").replace('.', "/");
        let value = thousandths(self.container.text(&format!("/resources/{path}"))).unwrap_or_default();
        let divisor = match reference.text("/divisor") {
            "" | "0" => 1000,
            divisor => thousandths(divisor)
                .filter(|divisor| *divisor > 0)
                .unwrap_or(1000),
        };
        value.div_ceil(divisor).to_string()
    }

    fn data(&self, kind: Kind, reference: &Value) -> Result<Option<Vec<Variable>>, String> {
        let name = reference.name_of();
        match self.link.get(kind.id(), self.pod.namespace(), name) {
            Some(object) => Ok(Some(texts(&object))),
            None if reference.is_true("/optional") => Ok(None),
            None => Err(format!("{} \"{name}\" not found", kind.word())),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::ConfigMap => "configmap",
            Self::Secret => "secret",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

fn texts(object: &Value) -> Vec<Variable> {
    let data = contents(object).into_iter();
    data.map(|(key, value)| (key, String::from_utf8_lossy(&value).into_owned()))
        .collect()
}

/// What a config map or a secret holds.
pub(super) fn contents(object: &Value) -> Vec<(String, Vec<u8>)> {
    let is_secret = object.text("/kind") == "Secret";
    let decode = |text: &str| {
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap_or_default()
    };
    let mut found = Vec::new();
    for (field, is_encoded) in [("/data", is_secret), ("/binaryData", true)] {
        for (key, value) in object.map(field).into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            found.push((key.clone(), if is_encoded { decode(text) } else { text.into() }));
        }
    }
    found
}

/// The value of a field of a pod.
pub(super) fn field(pod: &Value, path: &str, address: &str) -> String {
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let pointer = format!("/{}/{}", map.replace('.', "/"), crate::object::escape(key));
        return pod.text(&pointer).to_owned();
    }
    match path {
        "status.podIP" | "status.podIPs" => address.to_owned(),
        "status.hostIP" | "status.hostIPs" => super::HOST.to_owned(),
        "metadata.labels" | "metadata.annotations" => {
            let map = pod.map(&format!("/{}", path.replace('.', "/")));
            let lines = map
                .into_iter()
                .flatten()
                .map(|(key, value)| format!("{key}={value}"));
            lines.collect::<Vec<_>>().join("\n")
        }
        path => pod.text(&format!("/{}", path.replace('.', "/"))).to_owned(),
    }
}

fn set(variables: &mut Vec<Variable>, name: &str, value: String) {
    match variables.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => *known = value,
        None => variables.push((name.to_owned(), value)),
    }
}

/// Replaces `$(NAME)`, and makes `$$` one dollar. What is not known stays as it is.
pub(super) fn expand(text: &str, variables: &[Variable]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let reference = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        if let Some((name, after)) = reference {
            if let Some((_, value)) = variables.iter().find(|(known, _)| known == name) {
                out.push_str(value);
            } else {
                out.extend(["$(", name, ")"]);
            }
            rest = after;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_expanded_as_kubernetes_does_it() {
        let known = [("A".to_owned(), "1".to_owned())];
        for (text, expanded) in [
            ("x$(A)y", "x1y"),
            ("$(B)", "$(B)"),
            ("$$(A)", "$(A)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
        ] {
            assert_eq!(expand(text, &known), expanded);
        }
    }
}
