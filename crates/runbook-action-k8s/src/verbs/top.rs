//! `top`: how much pods or nodes use.

use runbook_action::{ErrorKind, Failure, Output};
use serde_json::{Value, json};

use super::Asked;
use crate::asked::{self, About, Several};
use crate::{answer, object};

pub(crate) async fn read(asked: Asked<'_>) -> Result<Output, Failure> {
    let about = asked::about(asked.cluster, asked.chosen).await?;
    let (kind, target) = match &about {
        About::One(target) => (&target.kind, Some(target)),
        About::Some(several) => (&several.kind, None),
    };
    let plural = kind.plural.clone();
    let kind = asked
        .cluster
        .kind_named(&format!("{plural}.metrics.k8s.io"))
        .await
        .map_err(|failure| {
            if failure.kind != ErrorKind::NotFound {
                return failure;
            }
            let message = format!("{} does not measure `{plural}`", asked.cluster.shown());
            Failure::new(ErrorKind::NotFound, message)
                .help("the metrics server does that: see whether it is installed")
        })?;
    let items = match (target, about.clone()) {
        (Some(target), _) => {
            let mut measured = target.clone();
            measured.kind = kind;
            vec![
                measured
                    .read(asked.cluster)
                    .await
                    .map_err(|trouble| asked.failed(trouble))?,
            ]
        }
        (None, About::Some(several)) => {
            let several = Several { kind, ..several };
            several
                .read(asked.cluster, None)
                .await
                .map_err(|trouble| asked.failed(trouble))?
        }
        (None, About::One(_)) => Vec::new(),
    };
    let apart = asked.chosen.is_on("containers");
    let mut usage = Vec::new();
    for item in &items {
        let name = object::name(item);
        let containers = object::list(item, "/containers");
        if plural == "nodes" {
            usage.push(used(&name, None, &[item]));
        } else if apart {
            for container in containers {
                usage.push(used(&name, Some(&object::text(container, "/name")), &[container]));
            }
        } else {
            usage.push(used(&name, None, &containers.iter().collect::<Vec<_>>()));
        }
    }
    Ok(answer::with(answer::objects(items), "usage", usage))
}

fn used(name: &str, container: Option<&str>, parts: &[&Value]) -> Value {
    let sum = |pointer: &str| -> f64 {
        parts
            .iter()
            .filter_map(|part| quantity(part.pointer(pointer)?.as_str()?))
            .sum()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no machine has so much memory"
    )]
    let memory = sum("/usage/memory").max(0.0) as u64;
    json!({ "name": name, "container": container, "cpu": sum("/usage/cpu"), "memory": memory })
}

/// An amount as Kubernetes writes it: `250m`, `12345678n`, `64Mi`.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    let digits = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .filter(|_| !text.contains(['e', 'E']) || text.ends_with(['E', 'i']))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        "Ei" => 1024.0_f64.powi(6),
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read() {
        for (text, expected) in [
            ("250m", Some(0.25)),
            ("1", Some(1.0)),
            ("0.5", Some(0.5)),
            ("2000000n", Some(0.002)),
            ("64Mi", Some(67_108_864.0)),
            ("1k", Some(1000.0)),
            ("1e3", Some(1000.0)),
            ("1E", Some(1e18)),
            ("1X", None),
            ("", None),
        ] {
            assert_eq!(quantity(text), expected, "{text}");
        }
    }
}
