"""`./bench check`: how long `meshgraft check` takes over 1,000 manifest files of 10 documents each, on one core.
Prints one line a run: wall and CPU seconds, memory, and what was read. Bar: 2 s wall."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES, NAMESPACES = 1000, 100

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {ns}
  labels:
    app: {name}
    team: orders # who to call
spec:
  replicas: 3
  selector:
    matchLabels:
      app: {name}
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 25%
      maxUnavailable: 0
  template:
    metadata:
      labels:
        app: {name}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "8080"
    spec:
      serviceAccountName: {name}
      containers:
      - name: main
        image: registry.example.com/orders/{name}:1.4.{number}
        args: ["--listen", ":8080", "--log-format=json"]
        ports:
        - name: http
          containerPort: 8080
        env:
        - name: DATABASE_URL
          value: postgres://db.{ns}.svc.cluster.local:5432/{name}
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
        resources:
          requests: {{cpu: 100m, memory: 128Mi}}
          limits: {{cpu: "1", memory: 512Mi}}
        readinessProbe:
          httpGet:
            path: /healthz
            port: http
          periodSeconds: 5
        volumeMounts:
        - name: config
          mountPath: /etc/{name}
      volumes:
      - name: config
        configMap:
          name: {name}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {ns}
  labels:
    app: {name}
spec:
  selector:
    app: {name}
  ports:
  - name: http
    port: 80
    targetPort: 8080
"""
CONFIG = """apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}
  namespace: {ns}
data:
  application.yaml: |
    server:
      port: 8080
    logging:
      level: info
  features: 'a=1,b=0'
"""
INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: {ns}
  annotations:
    nginx.ingress.kubernetes.io/proxy-body-size: 8m
spec:
  ingressClassName: nginx
  rules:
  - host: {name}.{ns}.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend:
          service:
            name: {name}
            port:
              number: 80
"""
# What a release brings and no rule reads.
OTHER = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {name}
  namespace: {ns}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  minReplicas: 3
  maxReplicas: 10
  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 70}}}}
"""


def write_manifests(folder):
    for number in range(FILES):
        ns = f"ns-{number % NAMESPACES:03}"
        documents = []
        for part in range(2):
            values = {"name": f"svc-{number:04}-{part}", "ns": ns, "number": number}
            documents += [text.format(**values) for text in (DEPLOYMENT, SERVICE, CONFIG, INGRESS, OTHER)]
        path = folder / ns / f"app-{number:04}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text("---\n".join(documents))


def main():
    program = Path(os.environ["MESHGRAFT_BIN_DIR"]) / "meshgraft"
    os.sched_setaffinity(0, {0})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_manifests(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*.yaml"))
        print(f"{FILES} files, {FILES * 10} documents, {size / 1e6:.1f} MB, {NAMESPACES} namespaces")
        for labels in ([], ["--app", "shop"]):
            for _ in range(3):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                begin = time.monotonic()
                done = subprocess.run([program, "check", "-f", folder, *labels], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, check=False)
                wall = time.monotonic() - begin
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                if done.returncode == 1:
                    sys.exit(done.stderr)
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                what = " ".join(["check", *labels])
                print(f"{what:22} wall {wall:6.2f} s   CPU {cpu:6.2f} s   peak {after.ru_maxrss / 1024:6.0f} MiB   {done.stdout.splitlines()[-1]}")


if __name__ == "__main__":
    main()
