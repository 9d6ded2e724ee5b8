#!/usr/bin/env bash
# Builds each folder of docker/k8s with kustomize and holds it against the schemas of Kubernetes, strictly: a field that
# there isn't is a mistake. No cluster is needed, and none has seen them.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
options "$@" </dev/null
need python3
command -v kubectl >/dev/null || { echo "skipped: there is no kubectl here to run kustomize"; exit 0; }
at=$PWD/target/tools/kubernetes-validate
if ! "$at/bin/kubernetes-validate" --version 2>/dev/null | grep -qF 1.37.0; then
    python3 -m venv "$at"
    "$at/bin/pip" install --quiet kubernetes-validate==1.37.0
fi
for overlay in docker/k8s/base docker/k8s/overlays/*; do
    kubectl kustomize --load-restrictor LoadRestrictionsNone "$overlay" >"$work/built.yaml"
    # Custom resources have their schemas in the cluster that knows them.
    python3 - "$work/built.yaml" >"$work/known.yaml" <<'PYTHON'
import re
import sys

documents = re.split(r"^---\n", open(sys.argv[1]).read(), flags=re.M)
print("---\n".join(one for one in documents if not re.search(r"^apiVersion: monitoring\.coreos\.com/", one, re.M)))
PYTHON
    "$at/bin/kubernetes-validate" --strict --quiet "$work/known.yaml"
    printf '%-32s %s documents, %s of them held against a schema\n' "$overlay" "$(grep -c ^kind: "$work/built.yaml")" "$(grep -c ^kind: "$work/known.yaml")"
done
# The check must be able to fail.
sed 's/replicas: 2/replicsa: 2/' docker/k8s/base/deployment.yaml >"$work/wrong.yaml"
! "$at/bin/kubernetes-validate" --strict --quiet "$work/wrong.yaml" >/dev/null 2>&1 || { echo "a misspelt field passes" >&2; exit 1; }
