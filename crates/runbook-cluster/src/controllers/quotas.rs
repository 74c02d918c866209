//! Resource quotas: how much of them is used.

use serde_json::{Value, json};

use crate::api::Objects;
use crate::object::{Fields as _, escape};

const ID: &str = "resourcequotas";

/// Counts anew what every quota says is used.
pub(super) fn reconcile(objects: &Objects) {
    for quota in objects.list(ID, None) {
        let used = objects.quota_usage(&quota);
        let hard = quota.at("/spec/hard").clone();
        let _told = objects.change_status(ID, &quota, |quota| {
            quota.put("/status", json!({"hard": hard, "used": {}}));
            for (resource, number) in &used {
                quota.put(
                    &format!("/status/used/{}", escape(resource)),
                    Value::from(number.as_str()),
                );
            }
        });
    }
}
