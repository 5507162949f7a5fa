//! A HubSpot account.
