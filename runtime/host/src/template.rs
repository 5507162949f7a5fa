//! Texts over a connection's configuration: `{config.a.b}` stands for that value,
//! `{config.a.b|default}` for it or a default. Pure.

use serde_json::Value;

/// Fill a template in.
///
/// # Errors
/// The name of the value that the configuration leaves out, or words about a brace.
pub(crate) fn expand(template: &str, config: &Value) -> Result<String, String> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (part, after) = after.split_once('}').ok_or("a brace is not closed")?;
        let path = part.strip_prefix("config.").ok_or_else(|| format!("{{{part}}} is not of the configuration"))?;
        let values = lookup(path, config);
        let value = values.first().ok_or_else(|| format!("config.{}", path.split('|').next().unwrap_or(path)))?;
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    Ok(text)
}

/// Whether the configuration itself says something at `a.b` (a default does not count).
pub(crate) fn is_configured(path: &str, config: &Value) -> bool {
    let path = path.split_once('|').map_or(path, |(path, _)| path);
    !lookup(path, config).is_empty()
}

/// The values at `a.b` or `a.b|default`: one, or all of a list; none when it is left out.
pub(crate) fn lookup(path: &str, config: &Value) -> Vec<String> {
    let (path, default) = match path.split_once('|') {
        Some((path, default)) => (path, Some(default)),
        None => (path, None),
    };
    let found = path.split('.').try_fold(config, |value, step| value.get(step));
    let text = |value: &Value| match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let values: Vec<String> = match found {
        Some(Value::Array(items)) => items.iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    };
    if values.is_empty() { default.map(str::to_owned).into_iter().collect() } else { values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> Result<String, String> {
        expand(template, &serde_json::json!({"url": "https://a.example.com", "deep": {"number": 7}, "empty": ""}))
    }

    #[test]
    fn a_template_takes_its_values_from_the_configuration() {
        assert_eq!(filled("{config.url}/token").as_deref(), Ok("https://a.example.com/token"));
        assert_eq!(filled("{config.deep.number}-{config.other|https://b}").as_deref(), Ok("7-https://b"));
        assert_eq!(filled("plain").as_deref(), Ok("plain"));
        assert_eq!(filled("{config.empty|}").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_left_out_is_named() {
        assert_eq!(filled("{config.missing}"), Err("config.missing".into()));
        assert!(filled("{env.HOME}").is_err());
        assert!(filled("{config.url").is_err());
    }
}
