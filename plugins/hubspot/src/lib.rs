//! The HubSpot connector: webhooks and polling in, audited batch writes out.
