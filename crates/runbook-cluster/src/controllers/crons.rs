//! Cron jobs: a job whenever it is time, by the clock of the cluster, which a test can set forward.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::owned;
use crate::api::Objects;
use crate::clock;
use crate::object::{Fields as _, escape};
use crate::rules;

const ID: &str = "cronjobs.batch";
const JOBS: &str = "jobs.batch";
/// How far back one looks for a time at which something was due.
const DAYS: i32 = 366 * 2;
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Makes the jobs that are due, and removes those of which enough are kept.
pub(super) fn reconcile(objects: &Objects) {
    for cron in objects.list(ID, None).iter().filter(|cron| !cron.is_deleting()) {
        let mut jobs: Vec<Arc<Value>> = objects.list(JOBS, Some(cron.namespace()));
        jobs.retain(|job| {
            owned::controller(job).is_some_and(|reference| reference.text("/uid") == cron.uid())
        });
        jobs.sort_by_key(|job| job.name().to_owned());
        clean(objects, cron, &jobs);
        let fired = if cron.is_true("/spec/suspend") {
            None
        } else {
            fire(objects, cron, &jobs)
        };
        status(objects, cron, &jobs, fired);
    }
}

fn is_finished(job: &Value) -> bool {
    rules::holds(job, "Complete") || rules::holds(job, "Failed")
}

/// Makes the job that is due, if one is, and answers for when it was due.
fn fire(objects: &Objects, cron: &Value, jobs: &[Arc<Value>]) -> Option<Timestamp> {
    let since = match cron.text("/status/lastScheduleTime") {
        "" => cron.text("/metadata/creationTimestamp"),
        last => last,
    };
    let now = objects.now();
    let due = due(cron, since.parse().ok()?, now)?;
    let late = cron.number("/spec/startingDeadlineSeconds");
    if late.is_some_and(|limit| now.as_second() - due.as_second() > limit) {
        return None;
    }
    let running: Vec<&Arc<Value>> = jobs.iter().filter(|job| !is_finished(job)).collect();
    match cron.text("/spec/concurrencyPolicy") {
        "Forbid" if !running.is_empty() => {
            let message =
                "Not starting job because prior execution is running and concurrency policy is Forbid";
            objects.note(cron, "Normal", "JobAlreadyActive", message);
            return Some(due);
        }
        "Replace" => {
            for job in running {
                let _gone = objects.delete(JOBS, job, None);
            }
        }
        _ => {}
    }
    make(objects, cron, due);
    Some(due)
}

fn make(objects: &Objects, cron: &Value, due: Timestamp) {
    let template = cron.at("/spec/jobTemplate");
    let name = format!("{}-{}", cron.name(), due.as_second() / 60);
    let mut job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {
        "name": name, "namespace": cron.namespace(), "ownerReferences": [owned::reference(cron)],
    }});
    for key in ["labels", "annotations"] {
        let value = template.at(&format!("/metadata/{key}"));
        if !value.is_null() {
            job.put(&format!("/metadata/{key}"), value.clone());
        }
    }
    let stamp = json!(clock::stamp(due));
    job.put(&format!("/metadata/annotations/{}", escape(SCHEDULED)), stamp);
    job.put("/spec", template.at("/spec").clone());
    match objects.create(JOBS, &job) {
        Ok(_) => objects.note(cron, "Normal", "SuccessfulCreate", &format!("Created job {name}")),
        Err(failure) => {
            let message = format!("Error creating job: {failure}");
            objects.note(cron, "Warning", "FailedCreate", &message);
        }
    }
}

/// Removes the oldest of the jobs that have ended, beyond as many as are to be kept.
fn clean(objects: &Objects, cron: &Value, jobs: &[Arc<Value>]) {
    for (condition, limit) in [
        ("Complete", "/spec/successfulJobsHistoryLimit"),
        ("Failed", "/spec/failedJobsHistoryLimit"),
    ] {
        let ended: Vec<&Arc<Value>> = jobs.iter().filter(|job| rules::holds(job, condition)).collect();
        let keep = usize::try_from(cron.number(limit).unwrap_or(1)).unwrap_or(0);
        let spare = ended.len().saturating_sub(keep);
        for job in ended.into_iter().take(spare) {
            let _gone = objects.delete(JOBS, job, None);
        }
    }
}

fn status(objects: &Objects, cron: &Value, jobs: &[Arc<Value>], fired: Option<Timestamp>) {
    let active: Vec<Value> = jobs
        .iter()
        .filter(|job| !is_finished(job))
        .map(|job| {
            json!({
                "apiVersion": "batch/v1", "kind": "Job", "name": job.name(), "namespace": job.namespace(),
                "uid": job.uid(), "resourceVersion": job.text("/metadata/resourceVersion"),
            })
        })
        .collect();
    let done = jobs.iter().map(|job| job.text("/status/completionTime")).max();
    let done = done.filter(|time| !time.is_empty());
    let _told = objects.change_status(ID, cron, |cron| {
        if active.is_empty() {
            cron.take_out("/status/active");
        } else {
            cron.put("/status/active", Value::Array(active.clone()));
        }
        if let Some(fired) = fired {
            cron.put("/status/lastScheduleTime", json!(clock::stamp(fired)));
        }
        if let Some(done) = done {
            cron.put("/status/lastSuccessfulTime", json!(done));
        }
    });
}

/// The last time at which a job was due after one time and not after another.
fn due(cron: &Value, since: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let schedule = Schedule::read(cron.text("/spec/schedule"))?;
    let zone = match cron.text("/spec/timeZone") {
        "" => TimeZone::UTC,
        name => TimeZone::get(name).ok()?,
    };
    let mut day = now.to_zoned(zone.clone()).date();
    let first = since.to_zoned(zone.clone()).date();
    for _ in 0..DAYS {
        if day < first {
            return None;
        }
        if schedule.has(day) {
            let found = schedule.times().filter_map(|(hour, minute)| {
                let time = zone.to_timestamp(day.at(hour, minute, 0, 0)).ok()?;
                (time > since && time <= now).then_some(time)
            });
            if let Some(found) = found.max() {
                return Some(found);
            }
        }
        day = day.checked_sub(SignedDuration::from_hours(24)).ok()?;
    }
    None
}

/// The five fields: which minutes, hours, days of the month, months and days of the week.
#[derive(Debug)]
struct Schedule {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    days: Vec<i8>,
    months: Vec<i8>,
    weekdays: Vec<i8>,
    /// Whether days of the month and of the week are both restricted, so that either is enough.
    either: bool,
}

impl Schedule {
    fn read(text: &str) -> Option<Self> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return None;
        };
        let mut on = numbers(weekdays, 0, 7)?;
        // Sunday is the seventh day as well as the day before the first.
        for day in &mut on {
            *day %= 7;
        }
        Some(Self {
            minutes: numbers(minutes, 0, 59)?,
            hours: numbers(hours, 0, 23)?,
            days: numbers(days, 1, 31)?,
            months: numbers(months, 1, 12)?,
            weekdays: on,
            either: !days.starts_with('*') && !weekdays.starts_with('*'),
        })
    }

    fn has(&self, day: Date) -> bool {
        let in_month = self.days.contains(&day.day());
        let in_week = self.weekdays.contains(&day.weekday().to_sunday_zero_offset());
        let fits = if self.either {
            in_month || in_week
        } else {
            in_month && in_week
        };
        fits && self.months.contains(&day.month())
    }

    fn times(&self) -> impl Iterator<Item = (i8, i8)> + '_ {
        let hours = self.hours.iter();
        hours.flat_map(|hour| self.minutes.iter().map(|minute| (*hour, *minute)))
    }
}

/// What a field stands for: `*`, `5`, `1-5`, `*/10`, `1,15`.
fn numbers(field: &str, least: i8, most: i8) -> Option<Vec<i8>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None if part.contains('/') => (range.parse().ok()?, most),
            None => (range.parse().ok()?, range.parse().ok()?),
        };
        if from < least || to > most || from > to {
            return None;
        }
        found.extend((from..=to).step_by(step));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(schedule: &str, now: &str) -> Option<String> {
        let cron = json!({"spec": {"schedule": schedule}});
        let since = "2026-01-01T00:00:00Z".parse().unwrap();
        due(&cron, since, now.parse().unwrap()).map(clock::stamp)
    }

    #[test]
    fn the_last_time_that_was_due_is_found() {
        for (schedule, now, time) in [
            (
                "*/5 * * * *",
                "2026-03-02T10:07:30Z",
                Some("2026-03-02T10:05:00Z"),
            ),
            (
                "30 2 * * 1-5",
                "2026-03-02T01:00:00Z",
                Some("2026-02-27T02:30:00Z"),
            ),
            ("0 0 13 * 5", "2026-03-15T00:00:00Z", Some("2026-03-13T00:00:00Z")),
            ("@yearly", "2026-12-31T00:00:00Z", None),
            ("0 0 31 2 *", "2026-12-31T00:00:00Z", None),
            ("often", "2026-12-31T00:00:00Z", None),
        ] {
            assert_eq!(last(schedule, now).as_deref(), time, "{schedule}");
        }
    }
}
