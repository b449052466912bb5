import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import bcrypt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tiphys.expr import running
from tiphys.expr.argo_functions import ARGO_FUNCTIONS
from tiphys.expr.errors import ExprRuntimeError
from tiphys.expr.evaluate import evaluate
from tiphys.expr.values import Context

NOW = datetime(2026, 1, 2, tzinfo=UTC)
CA = "let ca = sprig.genCAWithKey('root', 9, sprig.genPrivateKey('ecdsa')); "
KEY = "sprig.genPrivateKey('ed25519')"
B64 = "sprig.b64enc"


def run(source, seed=b"seed"):
    return evaluate(source, ARGO_FUNCTIONS, Context(NOW, seed))


def certificate(pem):
    return x509.load_pem_x509_certificate(pem.encode())


def extension(cert, kind):
    return cert.extensions.get_extension_for_class(kind).value


@pytest.mark.parametrize("text", ["", "a", "sixteen letters.", "äöü" * 100])
def test_what_is_encrypted_can_be_decrypted(text):
    assert run(f"sprig.decryptAES('pw', sprig.encryptAES('pw', '{text}'))") == text


def test_a_cipher_text_of_sprig_is_read():
    hidden = "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ="  # example in sprig's documentation
    assert run(f"sprig.decryptAES('secretkey', '{hidden}')") == "plaintext"


@pytest.mark.parametrize("text", ["YQ==", "A" * 24, "A" * 43 + "="])
def test_nothing_is_made_of_a_bad_cipher_text(text):
    with suppress(ExprRuntimeError):
        assert isinstance(run(f"sprig.decryptAES('pw', '{text}')"), str)


def test_long_texts_exhaust_the_budget_not_the_engine():
    with pytest.raises(ExprRuntimeError, match="memory budget exceeded"):
        run("sprig.encryptAES('pw', repeat('x', 1000001))")


@pytest.mark.parametrize(
    "source",
    [
        "sprig.bcrypt('x') + sprig.bcrypt('y')",
        "sprig.genPrivateKey('rsa')",
        "sprig.genPrivateKey('dsa')",
        "sprig.genCA('x', 1)",
        "sprig.derivePassword(nil, 'pin', 'p', 'u', 's')",
    ],
)
def test_what_takes_long_exhausts_the_budget_not_the_engine(source, monkeypatch):
    monkeypatch.setattr(running, "MAX_STEPS", 99_999)
    with pytest.raises(ExprRuntimeError, match="step budget exceeded"):
        run(source)


@pytest.mark.parametrize("password", ["", "pass word", "ä" * 36])
def test_a_hashed_password_is_verified_by_bcrypt(password):
    found = run(f"sprig.bcrypt('{password}')")
    assert found.startswith("$2a$10$")
    assert bcrypt.checkpw(password.encode(), found.encode())


def test_a_line_of_htpasswd():
    user, _, hashed = run("sprig.htpasswd('me', 'pw')").partition(":")
    assert user == "me"
    assert bcrypt.checkpw(b"pw", hashed.encode())


def test_a_password_that_bcrypt_would_cut_off_is_refused():
    assert run("sprig.bcrypt(repeat('x', 73))") == (
        "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
    )


@pytest.mark.parametrize(
    ("source", "password"),  # what sprig 3.3.0 answered
    [
        ("'long', 'password', 'user', 'example.com'", "KezpWado2+Fazo"),
        ("'maximum', 'p', 'ü', 'ab'", "shXYfeAhkGpp7tuKK77("),
        ("'medium', '', 'user', 'example.com'", "RinHem7!"),
        ("'pin', 'p', '', 'example.com'", "3818"),
        ("'basic', 'p', 'u', ''", "gTd3XYg0"),
        ("'short', 'p', 'u', ''", "Qeb3"),
        ("'nope', 'p', 'u', ''", "cannot find password template nope"),
    ],
)
def test_a_derived_password_is_the_one_sprig_derives(source, password):
    assert run(f"sprig.derivePassword(nil, {source})") == password


@pytest.mark.parametrize(
    ("kind", "label"),
    [("rsa", "RSA "), ("", "RSA "), ("dsa", "DSA "), ("ecdsa", "EC "), ("ed25519", "")],
)
def test_keys_are_whole_and_follow_from_the_seed(kind, label):
    found = run(f"sprig.genPrivateKey('{kind}')")
    assert found.startswith(f"-----BEGIN {label}PRIVATE KEY-----\n")
    key = load_pem_private_key(found.encode(), None)  # checks primes and parts of RSA's
    assert getattr(key, "key_size", 0) == {"RSA ": 4096, "DSA ": 2048, "EC ": 256, "": 0}[label]
    if kind:  # the empty kind is RSA, which takes seconds
        assert run(f"sprig.genPrivateKey('{kind}')") == found
        assert label == "RSA " or run(f"sprig.genPrivateKey('{kind}')", b"other") != found


def test_an_authority_signs_a_certificate_for_hosts():
    source = "sprig.genSignedCert('web', ['10.0.0.1', '::1'], ['a.example'], 5, ca)"
    found = run(CA + f"[ca, {source}]")
    root, web = (certificate(one.members["Cert"]) for one in found)
    web.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert web.subject.rfc4514_string() == "CN=web"
    assert web.not_valid_before_utc == NOW
    assert web.not_valid_after_utc == NOW + timedelta(days=5)
    names = extension(web, x509.SubjectAlternativeName)
    assert [str(name.value) for name in names] == ["a.example", "10.0.0.1", "::1"]
    assert extension(root, x509.BasicConstraints).ca
    assert extension(root, x509.KeyUsage).key_cert_sign
    assert not extension(web, x509.BasicConstraints).ca
    own = extension(root, x509.SubjectKeyIdentifier).digest
    assert extension(web, x509.AuthorityKeyIdentifier).key_identifier == own
    key = load_pem_private_key(found[1].members["Key"].encode(), None)
    assert key.public_key() == web.public_key()
    assert key.key_size == 2048


def test_certificates_follow_from_seed_and_time():
    source = f"sprig.genSelfSignedCertWithKey('x', nil, nil, 1, {KEY})"
    assert run(source) == run(source)
    assert run(source) != run(source, b"other")


def test_a_certificate_is_a_struct_as_in_go():
    shown = f"let c = sprig.genCAWithKey('x', 1, {KEY}); "
    assert run(shown + "type(c)") == "github.com/Masterminds/sprig/v3.certificate"
    assert run(shown + "c.Cert == c['Cert'] && sprig.toJson(c) startsWith '{\"Cert\":'")
    assert run(shown + "string(c) == '{' + c.Cert + ' ' + c.Key + '}'")
    with pytest.raises(ExprRuntimeError, match="cannot get keys from struct"):
        run(shown + "keys(c)")


def test_a_certificate_and_its_key_are_taken_as_they_are():
    source = f"sprig.buildCustomCert({B64}(ca.Cert), {B64}(ca.Key)) == ca"
    assert run(CA + source) is True


def wrong_key(label):
    data = base64.b64encode(b"a").decode()
    return f"-----BEGIN {label}-----\n{data}\n-----END {label}-----\n".replace("\n", "\\n")


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("sprig.genCAWithKey('x', 1, 'junk')", "parsing private key: no PEM data in input"),
        ("sprig.genCAWithKey('x', 1, ca.Cert)", "no private key data in PEM block of type CERT"),
        (
            f"sprig.genCAWithKey('x', 1, '{wrong_key('ENCRYPTED PRIVATE KEY')}')",
            "parsing private key: invalid private key type ENCRYPTED PRIVATE KEY",
        ),
        (
            f"sprig.genCAWithKey('x', 1, '{wrong_key('RSA PRIVATE KEY')}')",
            "parsing private key: parsing RSA private key from PEM: asn1: syntax error",
        ),
        (
            "sprig.genCAWithKey('x', 1, sprig.genPrivateKey('dsa'))",
            "x509: certificate private key does not implement crypto.Signer",
        ),
        ("sprig.genCAWithKey('x', -1, ca.Key)", "error creating certificate: .* must be after"),
        (f"sprig.genCAWithKey('{'x' * 65}', 1, ca.Key)", "error creating certificate: "),
        ("sprig.genSelfSignedCertWithKey('x', ['1.2'], [], 1, ca.Key)", "error parsing ip: 1.2"),
        (
            "sprig.genSelfSignedCertWithKey('x', [1], [], 1, ca.Key)",
            "error parsing ip: 1 is not a string",
        ),
        (
            "sprig.genSelfSignedCertWithKey('x', [], [nil], 1, ca.Key)",
            "error processing alternate dns name: <nil> is not a string",
        ),
        (
            "sprig.genSelfSignedCertWithKey('x', [], ['ä'], 1, ca.Key)",
            'error creating certificate: x509: "ä" cannot be encoded as an IA5String',
        ),
        (
            "sprig.genSelfSignedCertWithKey('x', 'a', [], 1, ca.Key)",
            r"reflect: Call using string as type \[\]interface {}",
        ),
        (
            "sprig.genSignedCertWithKey('x', [], [], 1, {'Cert': ''}, ca.Key)",
            r"reflect: Call using map\[string\]interface {} as type sprig.certificate",
        ),
        (
            "sprig.genSignedCertWithKey('x', [], [], 1, nil, ca.Key)",
            "unable to decode certificate",
        ),
        (
            f"sprig.genSignedCertWithKey('x', [], [], 1, "
            f"sprig.buildCustomCert({B64}(ca.Cert), {B64}({KEY})), ca.Key)",
            "x509: provided PrivateKey doesn't match parent's PublicKey",
        ),
        ("sprig.buildCustomCert('!', '')", "unable to decode base64 certificate"),
        ("sprig.buildCustomCert('', '!')", "unable to decode base64 private key"),
        ("sprig.buildCustomCert('', '')", "unable to decode certificate"),
        (
            f"sprig.buildCustomCert({B64}(ca.Key), '')",
            "error parsing certificate: decodedCert.Bytes: x509: malformed certificate",
        ),
        (
            f"sprig.buildCustomCert({B64}(ca.Cert), '')",
            "error parsing private key: no PEM data in input",
        ),
        ("sprig.getHostByName('localhost')", "expressions cannot reach the network"),
    ],
)
def test_what_is_wrong_is_said_in_sprigs_words(source, error):
    with pytest.raises(ExprRuntimeError, match=error):
        run(CA + source)
