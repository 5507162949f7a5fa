//! Bulk jobs and their files.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// Jobs remembered; the oldest are forgotten first.
const JOBS_MAX: usize = 1_000;

/// What a job holds.
#[derive(Debug, Clone)]
pub enum Work {
    Query { text: String, columns: Vec<String>, rows: Vec<String> },
    Ingest { external_id: Option<String>, data: String, succeeded: String, failed: String, counts: (usize, usize) },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Open,
    /// Uploaded; done once its time has passed.
    Running(Instant),
    Aborted,
    Failed,
}

/// One job.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub operation: String,
    pub object: String,
    pub stage: Stage,
    pub created_at: Timestamp,
    pub created_by: String,
    pub error: Option<String>,
    pub work: Work,
}

impl Job {
    pub fn state(&self, takes: Duration) -> &'static str {
        match self.stage {
            Stage::Open => "Open",
            Stage::Aborted => "Aborted",
            Stage::Failed => "Failed",
            Stage::Running(since) if since.elapsed() >= takes => "JobComplete",
            Stage::Running(_) => "InProgress",
        }
    }

    pub fn is_query(&self) -> bool {
        matches!(self.work, Work::Query { .. })
    }
}

#[derive(Debug, Default)]
pub struct Jobs {
    jobs: BTreeMap<String, Job>,
    made: u64,
}

impl Jobs {
    pub fn made(&self) -> u64 {
        self.made
    }

    pub fn next_id(&mut self) -> String {
        self.made += 1;
        super::id::nth("750", self.made)
    }

    pub fn add(&mut self, job: Job) {
        if self.jobs.len() >= JOBS_MAX {
            self.jobs.pop_first();
        }
        self.jobs.insert(job.id.clone(), job);
    }

    pub fn get(&self, id: &str) -> Option<&Job> {
        self.jobs.get(id)
    }

    pub fn get_mut(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.get_mut(id)
    }

    pub fn remove(&mut self, id: &str) -> Option<Job> {
        self.jobs.remove(id)
    }

    pub fn all(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }
}
