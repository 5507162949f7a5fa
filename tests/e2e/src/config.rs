//! The configuration of a scenario's sync.

use crate::world::Side;

/// What differs between scenarios.
#[derive(Clone, Debug)]
pub struct Config {
    /// TOML of `conflict`.
    pub conflict: String,
    /// `update-wins`, `delete-wins` or `hold`.
    pub deletes: String,
    /// The field by which records find each other.
    pub match_on: String,
    /// The key is a mapped field: the same on all sides.
    pub shares_key: bool,
    /// Two sides, or all three.
    pub three: bool,
    /// Further fields, in the file's own words.
    pub more_fields: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            conflict: "{ latest = true, else = { prefer = \"a\" } }".to_owned(),
            deletes: "update-wins".to_owned(),
            match_on: "id".to_owned(),
            shares_key: true,
            three: false,
            more_fields: String::new(),
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

    pub fn three_sides(mut self) -> Self {
        self.three = true;
        self
    }

    pub fn more_fields(mut self, toml: &str) -> Self {
        self.more_fields = toml.to_owned();
        self
    }

    pub fn sides(&self) -> &'static [Side] {
        if self.three { &Side::ALL } else { &Side::BOTH }
    }

    /// The file, for databases behind these ports.
    pub(crate) fn text(&self, ports: &[(Side, u16)], database: &str) -> String {
        let mut text = String::new();
        for (side, port) in ports {
            let name = side.name();
            text += &format!(
                "[connections.{name}]\nconnector = \"postgres\"\n\
                 config = {{ url = \"postgres://lockstep@127.0.0.1:{port}/{database}\" }}\n\
                 secrets = {{ password = \"env:E2E_PASSWORD\" }}\n\
                 grant = [\"tcp:127.0.0.1:{port}\"]\n\n"
            );
        }
        let Config { conflict, deletes, match_on, shares_key, .. } = self;
        let everywhere = |what: &str| {
            let each: Vec<String> = ports.iter().map(|(side, _)| format!("{} = \"{what}\"", side.name())).collect();
            each.join(", ")
        };
        let objects = everywhere("public.people");
        text += &format!(
            "[syncs.people]\nsides = {{ {objects} }}\n\
             match = [\"{match_on}\"]\nconflict = {conflict}\ndeletes = \"{deletes}\"\n\
             delete_storm = false\nbounces_max = 100\n\n[syncs.people.fields]\n"
        );
        let key = shares_key.then_some("id");
        for field in key.into_iter().chain(crate::recording::FIELDS) {
            text += &format!("{field} = {{ {} }}\n", everywhere(field));
        }
        text + &self.more_fields
    }
}
