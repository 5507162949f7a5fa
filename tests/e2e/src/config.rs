//! The configuration of a scenario's sync.

/// What differs between scenarios.
#[derive(Clone, Debug)]
pub struct Config {
    /// TOML of `conflict`.
    pub conflict: String,
    /// `update-wins`, `delete-wins` or `hold`.
    pub deletes: String,
    /// The field by which records find each other.
    pub match_on: String,
    /// The key is a mapped field: the same on both sides.
    pub shares_key: bool,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            conflict: "{ latest = true, else = { prefer = \"a\" } }".to_owned(),
            deletes: "update-wins".to_owned(),
            match_on: "id".to_owned(),
            shares_key: true,
        }
    }
}

impl Config {
    pub fn conflict(mut self, toml: &str) -> Self {
        self.conflict = toml.to_owned();
        self
    }

    pub fn deletes(mut self, policy: &str) -> Self {
        self.deletes = policy.to_owned();
        self
    }

    /// Each side gives its own keys; records find each other by e-mail address.
    pub fn own_keys(mut self) -> Self {
        self.match_on = "email".to_owned();
        self.shares_key = false;
        self
    }

    /// The file, for databases behind these ports.
    pub(crate) fn text(&self, ports: [u16; 2], database: &str) -> String {
        let mut text = String::new();
        for (name, port) in ["a", "b"].iter().zip(ports) {
            text += &format!(
                "[connections.{name}]\nconnector = \"postgres\"\n\
                 config = {{ url = \"postgres://lockstep@127.0.0.1:{port}/{database}\" }}\n\
                 secrets = {{ password = \"env:E2E_PASSWORD\" }}\n\
                 grant = [\"tcp:127.0.0.1:{port}\"]\n\n"
            );
        }
        let Config { conflict, deletes, match_on, shares_key } = self;
        text += &format!(
            "[syncs.people]\nsides = {{ a = \"public.people\", b = \"public.people\" }}\n\
             match = [\"{match_on}\"]\nconflict = {conflict}\ndeletes = \"{deletes}\"\n\
             delete_storm = false\n\n[syncs.people.fields]\n"
        );
        let key = shares_key.then_some("id");
        for field in key.into_iter().chain(crate::recording::FIELDS) {
            text += &format!("{field} = {{ a = \"{field}\", b = \"{field}\" }}\n");
        }
        text
    }
}
