//! Changes that no test can notice, since what they change makes no difference, each with the reason.

use std::collections::BTreeMap;

/// The reasons by the change, as `accepted.txt` has them: a line that names the change, and the reason indented below.
pub(crate) fn reasons() -> Result<BTreeMap<String, String>, String> {
    let mut reasons = BTreeMap::<String, String>::new();
    let mut last = None;
    for line in include_str!("../accepted.txt").lines() {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            reasons.insert(text.to_owned(), String::new());
            last = Some(text.to_owned());
            continue;
        }
        let Some(reason) = last.as_ref().and_then(|last| reasons.get_mut(last)) else {
            return Err("accepted.txt begins with a reason".to_owned());
        };
        reason.push_str(text);
    }
    match reasons.iter().find(|(_, reason)| reason.is_empty()) {
        Some((change, _)) => Err(format!("accepted.txt gives no reason for {change}")),
        None => Ok(reasons),
    }
}
