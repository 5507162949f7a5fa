//! The Salesforce connector: Change Data Capture in, conditional collection writes out.
