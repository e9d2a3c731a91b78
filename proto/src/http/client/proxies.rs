//! Which proxy stands before which URLs: none, one for all, or what the environment says.

use super::destination::Origin;
use super::proxy::{InvalidProxy, Kind, Proxy};

/// The proxies of a client, by the scheme of a URL.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    plain: Option<Proxy>,
    secure: Option<Proxy>,
}

impl Proxies {
    /// One for both schemes.
    pub(super) fn both(proxy: Proxy) -> Self {
        Self { plain: Some(proxy.clone()), secure: Some(proxy) }
    }

    /// Those of an environment, whose variables `value_of` gives. Of two spellings the lower-case
    /// one counts first; an empty variable is as none.
    ///
    /// `HTTP_PROXY` is not looked at: a program that a web server runs by CGI finds the header
    /// `Proxy` of whoever asks it under this name ("httpoxy"), and would send them its requests.
    pub(super) fn from_variables(
        value_of: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, InvalidProxy> {
        let find = |names: &[&'static str]| {
            let mut set = names.iter().filter_map(|name| Some((*name, value_of(name)?)));
            set.find(|(_, value)| !value.trim().is_empty())
        };
        let exceptions = find(&["no_proxy", "NO_PROXY"]);
        let proxy = |names: &[&'static str]| {
            let Some((name, value)) = find(names) else { return Ok(None) };
            let value = value.trim();
            // As curl has it, a proxy without a scheme speaks HTTP.
            let url = if value.contains("://") { value } else { &format!("http://{value}") };
            let mut proxy = Proxy::new(url).map_err(|error| error.of_variable(name))?;
            if let Some((name, hosts)) = &exceptions {
                let hosts = hosts.split([',', ' ']).filter(|host| !host.is_empty());
                proxy = proxy.except(hosts).map_err(|error| error.of_variable(name))?;
            }
            Ok(Some(proxy))
        };
        Ok(Self {
            plain: proxy(&["http_proxy", "all_proxy", "ALL_PROXY"])?,
            secure: proxy(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])?,
        })
    }

    /// What connections to an origin go through.
    pub(super) fn before(&self, origin: &Origin) -> Option<&Proxy> {
        let proxy = if origin.is_secure { &self.secure } else { &self.plain };
        proxy.as_ref().filter(|proxy| proxy.is_for(origin))
    }
}

impl Proxy {
    /// Whether requests to an origin name their whole URL.
    pub(super) fn wants_absolute(&self, origin: &Origin) -> bool {
        self.kind == Kind::Http && !origin.is_secure && !origin.needs_tunnel
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Variables = [(&'static str, &'static str)];

    fn of(variables: &Variables) -> Result<Proxies, InvalidProxy> {
        Proxies::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    /// The port of the proxy before a URL; 0 for none.
    fn port(proxies: &Proxies, is_secure: bool, host: &str) -> u16 {
        let origin = Origin { is_secure, host: host.into(), port: 1, needs_tunnel: false };
        proxies.before(&origin).map_or(0, |proxy| proxy.port)
    }

    #[test]
    fn each_scheme_has_its_variable_and_the_lower_case_one_counts_first() {
        let cases: &[(&Variables, [u16; 2])] = &[
            (&[], [0, 0]),
            (&[("http_proxy", "http://p:1")], [1, 0]),
            (&[("HTTPS_PROXY", "p:2")], [0, 2]),
            (&[("https_proxy", "p:3"), ("HTTPS_PROXY", "p:2")], [0, 3]),
            (&[("ALL_PROXY", "socks5://p:4")], [4, 4]),
            (&[("all_proxy", "p:5"), ("http_proxy", "p:1"), ("ALL_PROXY", "p:4")], [1, 5]),
            (&[("http_proxy", ""), ("all_proxy", " ")], [0, 0]),
        ];
        for (variables, ports) in cases {
            let proxies = of(variables).unwrap();
            assert_eq!([false, true].map(|it| port(&proxies, it, "a")), *ports, "{variables:?}");
        }
    }

    #[test]
    fn what_a_request_to_a_cgi_program_can_set_is_not_looked_at() {
        let proxies = of(&[("HTTP_PROXY", "http://attacker:1")]).unwrap();
        assert_eq!(port(&proxies, false, "a"), 0);
    }

    #[test]
    fn exceptions_are_a_list_and_mistakes_name_their_variable() {
        let variables = [("ALL_PROXY", "p:1"), ("NO_PROXY", "localhost, .internal,,10.0.0.0/8 ")];
        let proxies = of(&variables).unwrap();
        for (host, expected) in [("a", 1), ("x.internal", 0), ("localhost", 0), ("10.9.9.9", 0)] {
            assert_eq!(port(&proxies, true, host), expected, "{host}");
        }
        let all = of(&[("ALL_PROXY", "p:1"), ("no_proxy", "*")]).unwrap();
        assert_eq!(port(&all, true, "a"), 0);
        for (name, value) in [("https_proxy", "https://p"), ("no_proxy", "a:80")] {
            let error = of(&[(name, value), ("http_proxy", "p:1")]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("the variable {name}: ")), "{error}");
        }
    }
}
