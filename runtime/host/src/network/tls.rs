//! TLS on behalf of a guest: roots, versions and verification are decided here.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::wire::{Transport, Wire};
use crate::{metrics::Counters, record::Tape};

/// How much of the server is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verify {
    None,
    Ca,
    Full,
}

impl Verify {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        match name {
            "none" => Some(Verify::None),
            "ca" => Some(Verify::Ca),
            "full" => Some(Verify::Full),
            _ => None,
        }
    }
}

/// Whom to trust: the system's roots and the operator's own.
pub(crate) struct Roots {
    extra: Vec<CertificateDer<'static>>,
    store: std::sync::OnceLock<Arc<RootCertStore>>,
}

impl Roots {
    /// `extra_pem`: certificates to trust besides the system's.
    pub(crate) fn new(extra_pem: Option<&[u8]>) -> Result<Self, String> {
        let mut extra = Vec::new();
        for certificate in extra_pem.into_iter().flat_map(CertificateDer::pem_slice_iter) {
            extra.push(certificate.map_err(|error| format!("the root certificate cannot be read: {error}"))?);
        }
        if extra_pem.is_some() && extra.is_empty() {
            return Err("the root certificate file holds no certificate in PEM form".into());
        }
        Ok(Roots { extra, store: std::sync::OnceLock::new() })
    }

    fn store(&self) -> Arc<RootCertStore> {
        let load = || {
            let mut store = RootCertStore::empty();
            store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            store.add_parsable_certificates(self.extra.iter().cloned());
            Arc::new(store)
        };
        Arc::clone(self.store.get_or_init(load))
    }
}

/// The resource `tls.connection`: a wire, and what binds it to its certificate.
pub struct Encrypted {
    pub(crate) wire: Arc<Mutex<Wire>>,
    pub(crate) channel_binding: Option<Vec<u8>>,
}

/// What a handshake needs besides the connection.
pub(crate) struct Handshake {
    pub(crate) verify: Verify,
    pub(crate) roots: Arc<Roots>,
    pub(crate) timeout: Duration,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tape: Tape,
}

/// Encrypt a connection.
///
/// # Errors
/// Words for the operator.
pub(crate) async fn handshake(stream: TcpStream, server_name: &str, parts: Handshake) -> Result<Encrypted, String> {
    let Handshake { verify, roots, timeout, counters, tape } = parts;
    let name =
        ServerName::try_from(server_name.to_owned()).map_err(|_| format!("\"{server_name}\" is no host name"))?;
    // Reading the system's roots touches the disk.
    let config = tokio::task::spawn_blocking(move || client_config(verify, &roots))
        .await
        .map_err(|error| error.to_string())??;
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
    let stream = tokio::time::timeout(timeout, connecting)
        .await
        .map_err(|_| format!("the handshake took longer than {} ms", timeout.as_millis()))?
        .map_err(|error| error.to_string())?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    let channel_binding = certificate.and_then(|certificate| end_point_binding(certificate));
    let wire = Wire::new(Transport::Encrypted(Box::new(stream)), counters, tape);
    Ok(Encrypted { wire: Arc::new(Mutex::new(wire)), channel_binding })
}

fn client_config(verify: Verify, roots: &Roots) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    let inner = match verify {
        Verify::None => None,
        Verify::Ca | Verify::Full => Some(
            WebPkiServerVerifier::builder_with_provider(roots.store(), Arc::clone(&provider))
                .build()
                .map_err(|error| format!("no root certificate can be used: {error}"))?,
        ),
    };
    let verifier = Verifier { verify, inner, provider };
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// For requests: everything is verified; HTTP/2 is preferred.
pub(crate) fn request_config(roots: &Roots) -> Result<ClientConfig, String> {
    let mut config = client_config(Verify::Full, roots)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Verifies as much as was asked; the handshake's signatures always.
#[derive(Debug)]
struct Verifier {
    verify: Verify,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.verify == Verify::Ca => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// RFC 5929 `tls-server-end-point`: the certificate's hash by the hash function of its signature, SHA-256
/// in place of MD5 and SHA-1. `None` for signatures that name no hash function.
fn end_point_binding(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, body, _) = der(certificate)?;
    let (_, _, after_tbs) = der(body)?;
    let (_, algorithm, _) = der(after_tbs)?;
    let (_, oid, _) = der(algorithm)?;
    const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
    const ECDSA_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];
    match (oid.strip_prefix(RSA), oid.strip_prefix(ECDSA_SHA2)) {
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Some(Sha256::digest(certificate).to_vec()),
        (Some([12]), _) | (_, Some([3])) => Some(Sha384::digest(certificate).to_vec()),
        (Some([13]), _) | (_, Some([4])) => Some(Sha512::digest(certificate).to_vec()),
        _ => None,
    }
}

/// Tag, content and rest of one DER element.
fn der(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (digits, rest) = rest.split_at_checked(count)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}
