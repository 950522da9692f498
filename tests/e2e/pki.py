"""Keys and certificates of a test cluster, made by openssl in its folder: one CA,
the API server's certificate, client certificates, the service accounts' key pair.
Used by cluster.py. Never reads a key from anywhere else."""

import subprocess
from pathlib import Path


def file_name(user):
    """A colon, as in a service account's name, would part a list of kubeconfigs."""
    return user.replace(":", "-")


class Pki:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca = self.folder / "ca.crt"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", "ca.key", "-out", "ca.crt", "-days", "30", "-subj", "/CN=meshgraft-e2e-ca")
        self._openssl("genrsa", "-out", "service-account.key", "2048")
        self._openssl("rsa", "-in", "service-account.key", "-pubout", "-out", "service-account.pub")
        (self.folder / "server.ext").write_text(
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\nextendedKeyUsage=serverAuth\n")
        (self.folder / "client.ext").write_text("extendedKeyUsage=clientAuth\n")
        self._sign("server", "/CN=kube-apiserver", "server.ext")

    def client(self, user, group=None):
        """(certificate, key) for a user, in a group when given; made once."""
        name = file_name(user)
        if not (self.folder / f"{name}.crt").exists():
            self._sign(name, (f"/O={group}" if group else "") + f"/CN={user}", "client.ext")
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    def _sign(self, name, subject, extensions):
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                      "-CAcreateserial", "-out", f"{name}.crt", "-days", "30", "-extfile", extensions)

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.strip()}")
