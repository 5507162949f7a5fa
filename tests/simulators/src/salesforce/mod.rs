//! A Salesforce organisation.
