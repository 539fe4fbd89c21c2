//! Certificates, keys and revocation lists, in files of the test's own.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SanType, SerialNumber, date_time_ymd,
};

/// A folder of one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates the empty folder of this test.
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tls").join(test);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file, in the way in which Kubernetes and careful tools replace one.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let (path, new) = (self.path(name), self.path("new"));
        fs::write(&new, content).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    /// Writes a certificate and its key, and returns both paths.
    pub(crate) fn pair(&self, name: &str, leaf: &Leaf) -> (PathBuf, PathBuf) {
        let key = self.write(&format!("{name}.key"), &leaf.key);
        (self.write(&format!("{name}.pem"), &leaf.certificate), key)
    }
}

/// A certification authority.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate of a node, and its key, in PEM.
pub(crate) struct Leaf {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// What a certificate states.
pub(crate) struct Stated {
    pub(crate) names: Vec<SanType>,
    pub(crate) serial: u64,
    /// The years in which it becomes valid, and ends to be.
    pub(crate) valid: (i32, i32),
    pub(crate) purposes: Vec<ExtendedKeyUsagePurpose>,
}

impl Stated {
    pub(crate) fn host(host: &str) -> Self {
        Self {
            names: vec![SanType::DnsName(host.try_into().unwrap())],
            serial: 1,
            valid: (2020, 2100),
            purposes: vec![
                ExtendedKeyUsagePurpose::ServerAuth,
                ExtendedKeyUsagePurpose::ClientAuth,
            ],
        }
    }
}

impl Ca {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Signs a certificate for this host.
    pub(crate) fn sign(&self, host: &str) -> Leaf {
        self.sign_as(Stated::host(host))
    }

    pub(crate) fn sign_as(&self, stated: Stated) -> Leaf {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "a node");
        params.subject_alt_names = stated.names;
        params.serial_number = Some(SerialNumber::from(stated.serial));
        params.not_before = date_time_ymd(stated.valid.0, 1, 1);
        params.not_after = date_time_ymd(stated.valid.1, 1, 1);
        params.extended_key_usages = stated.purposes;
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap().pem();
        Leaf { certificate, key: key.serialize_pem() }
    }

    /// A list that revokes the certificates with these serial numbers.
    pub(crate) fn revoke(&self, serials: &[u64]) -> String {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(2100, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.0).unwrap().pem().unwrap()
    }
}
