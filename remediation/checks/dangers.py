"""Patterns of lines that destroy data, open access, switch a guard off, or run what nobody has read.

Each danger has a name a reviewer understands, and one regular expression for each way to write it. Case is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Danger:
    """One kind of danger, and what gives it away in a line."""

    what: str
    regex: re.Pattern[str]


def _p(what: str, *alternatives: str) -> Danger:
    return Danger(what, re.compile("|".join(alternatives), re.IGNORECASE))


_DATA: Final = (
    _p(
        "deletes files recursively",
        r"\brm\s+(?:-[a-z-]+\s+)*-(?:[a-z]*r[a-z]*f|[a-z]*f[a-z]*r|-recursive)\b",
        r"\brm\s+-[a-z]*r\b",
    ),
    _p(
        "deletes files recursively",
        r"\bshutil\s*\.\s*rmtree\b",
        r"\brimraf\b",
        r"\bfs(?:\.promises)?\.rm(?:dir)?(?:Sync)?\s*\([^)]*recursive",
        r"\bos\.RemoveAll\b",
        r"\bFileUtils\.rm_rf?\b",
        r"\bremove_dir_all\b",
        r"\bdeleteDirectory\b",
    ),
    _p(
        "finds files and deletes them",
        r"\bfind\b.*\s-delete\b",
        r"\bxargs\b.*\brm\b",
    ),
    _p(
        "overwrites a device or file system",
        r"\bmkfs(?:\.\w+)?\s",
        r"\bdd\s+.*\bof=",
        r">\s*/dev/(?:sd|nvme|vd)",
        r"\bshred\s",
        r"\bwipefs\b",
    ),
    _p(
        "drops database objects",
        r"\bdrop\s+(?:table|database|schema|index|view|column|user|role|keyspace|collection)\b",
        r"\.drop(?:_all|Database|Collection|_table|Table)?\s*\(\s*\)",
        r"\bdrop_(?:table|column|all)\b",
        r"\bdropDatabase\b",
        r"\bFLUSH(?:ALL|DB)\b",
    ),
    _p(
        "empties a table",
        r"\btruncate\s+(?:table\s+)?[`\"\w]",
        r"\bdeleteMany\s*\(\s*(?:\{\s*\})?\s*\)",
        r"\.objects\.all\(\)\.delete\(\)",
        r"\bdelete_all\b",
        r"\bdestroy_all\b",
    ),
    _p(
        "deletes infrastructure",
        r"\bterraform\s+(?:\S+\s+)*(?:destroy|apply\s+-destroy)",
        r"\bpulumi\s+destroy",
        r"\bkubectl\s+(?:\S+\s+)*delete\b",
        r"\bhelm\s+(?:uninstall|delete)\b",
        r"\baws\s+\S+\s+(?:delete|terminate|rb)\S*",
        r"\bgcloud\s+.*\bdelete\b",
        r"\baz\s+.*\bdelete\b",
        r"\bdocker\s+(?:system|volume)\s+(?:prune|rm)",
    ),
    _p(
        "rewrites or discards history",
        r"\bgit\s+push\s+(?:\S+\s+)*(?:--force|-f|--mirror|\+\S)",
        r"\bgit\s+(?:reset\s+--hard|clean\s+-[a-z]*f|filter-branch)",
    ),
    _p(
        "stops the machine",
        r"^\s*(?:sudo\s+)?(?:shutdown|reboot|halt|poweroff)\b",
        r"\bos\.kill\s*\(\s*1\b",
        r":\(\)\s*\{\s*:\|:&\s*\};:",
        r"\bkill\s+-9\s+-1\b",
        r"\bpkill\s+-9\b",
        r"\bkillall\b",
    ),
    _p(
        "lets storage be destroyed",
        r"\b(?:force_destroy|skip_final_snapshot|delete_automated_backups)\s*[=:]\s*\"?true",
        r"\b(?:prevent_destroy|deletion_protection|enable_deletion_protection|termination_protection)\s*[=:]\s*\"?false",
        r"reclaimPolicy\s*:\s*Delete\b",
        r"\bbackup_retention_period\s*=\s*0\b",
    ),
)

_ACCESS: Final = (
    _p(
        "gives every permission",
        r"[\"']?(?:not_?)?actions?[\"']?\s*[=:]\s*\[?\s*[\"'](?:\*|[a-z0-9-]+:\*|\*:\*)[\"']",
        r"[\"']?(?:principals?|identifiers|AWS)[\"']?\s*[=:]\s*[\[{]?\s*[\"']\*[\"']",
        r"\bverbs\s*:\s*\[\s*[\"']?\*",
        r"\bgrant\s+all\b",
        r"\bcluster-admin\b",
        r"\bAdministratorAccess\b",
        r"roles/(?:owner|editor)\b",
    ),
    _p(
        "gives permission on everything",
        r"[\"']?resources?[\"']?\s*[=:]\s*\[?\s*[\"']\*[\"']",
    ),
    _p(
        "opens to the whole internet",
        r"(?:cidr|source_ranges|ingress|allow|from|listen|ranges?)\S*\s*.*[\"'\s]?0\.0\.0\.0/0",
        r"::/0",
        r"\b(?:publicly_accessible|public_network_access_enabled|allow_public_access)\s*[=:]\s*\"?true",
        r"\bacl\s*[=:]\s*[\"']public-",
        r"\bblock_public_(?:acls|policy)\s*=\s*false",
    ),
    _p(
        "makes files writable by everybody",
        r"\bchmod\s+(?:-\w+\s+)*(?:0?[0-7]?777|0?666|a\+rwx|o\+w|u\+s)",
        r"\bos\.chmod\s*\(.*0o?777",
        r"\bumask\s*\(?\s*0+\b",
    ),
    _p(
        "runs with the host's rights",
        r"\bprivileged\s*:\s*true",
        r"\b(?:hostNetwork|hostPID|hostIPC|allowPrivilegeEscalation)\s*:\s*true",
        r"\brunAsUser\s*:\s*0\b",
        r"\brunAsNonRoot\s*:\s*false",
        r"--privileged\b",
        r"/var/run/docker\.sock",
        r"\bhostPath\s*:",
        r"\bSYS_ADMIN\b",
        r"NOPASSWD\s*:\s*ALL",
    ),
)

_GUARDS: Final = (
    _p(
        "does not verify the peer",
        r"\bverify(?:_ssl|_certs|_peer)?\s*[=:]\s*false\b",
        r"\bInsecureSkipVerify\s*[:=]\s*true",
        r"\brejectUnauthorized\s*:\s*false",
        r"NODE_TLS_REJECT_UNAUTHORIZED[\"']?\s*\]?\s*[=:]\s*[\"']?0",
        r"\bCERT_NONE\b",
        r"_create_unverified_context",
        r"\bVERIFY_NONE\b",
        r"\bssl_?mode\s*[=:]\s*[\"']?disable",
        r"--insecure\b",
        r"--no-check-certificate",
        r"\bcurl\s+(?:\S+\s+)*-[a-z]*k[a-z]*\s",
        r"StrictHostKeyChecking[\s=]+no",
        r"danger_accept_invalid_certs",
        r"TrustAllCerts",
        r"ALLOW_ALL_HOSTNAME",
        r"http\.sslVerify\s*[= ]\s*false",
    ),
    _p(
        "switches authentication off",
        r"\b(?:auth(?:entication|orization|n|z)?|login|require_?(?:auth|login|tls|https|mfa)|rbac|mfa|csrf(?:_protection)?|tls|security)(?:[_.-]?(?:enabled|required|check|mode))?[\"']?\s*[=:]\s*[\"']?(?:false|off|disabled|none|no|0)\b",
        r"\b(?:disable|skip|bypass|no)_?(?:auth\w*|login|csrf|tls|verification|permission\w*|security)\b[\"']?\s*(?:[=:]\s*[\"']?(?:true|1|yes|on)|\()",
        r"--(?:no|skip|disable)-(?:auth|verify|tls|rbac)\w*",
        r"\bcsrf_exempt\b",
        r"\bAllowAny\b",
        r"\bpermitAll\s*\(",
        r"\banonymous[-_]?auth\s*[=:]\s*true",
        r"authorization-mode\s*[= ]\s*AlwaysAllow",
        r"skip_before_action\s+:(?:authenticate|verify)",
        r"\bcsrf\(\)\.disable",
        r"\bif\s+(?:True|1)\s+or\b",
    ),
    _p(
        "switches auditing or scanning off",
        r"#\s*nosec\b",
        r"\bNOSONAR\b",
        r"#\s*checkov:skip",
        r"#\s*nosemgrep",
        r"//\s*nolint:gosec",
        r"pragma:\s*allowlist\s+secret",
        r"\b(?:audit|logging)(?:[_.-]?(?:enabled|log))?[\"']?\s*[=:]\s*[\"']?(?:false|off|disabled)\b",
        r"\bset\s+\+o\s+history",
        r"\bunset\s+HISTFILE",
        r"\bsetenforce\s+0",
        r"\bufw\s+disable",
        r"\biptables\s+-F",
    ),
)

_CODE: Final = (
    _p(
        "runs what it downloads",
        r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|k)?sh\b",
        r"\b(?:curl|wget)\b[^|]*\|\s*(?:sudo\s+)?(?:python|perl|ruby|node)\w*",
        r"\b(?:ba)?sh\s+(?:-c\s+)?[\"']?(?:<\(|\$\()\s*(?:curl|wget)",
        r"\biex\s*\(",
        r"\bInvoke-Expression\b",
        r"\beval\s+[\"']?\$\((?:curl|wget)",
    ),
    _p(
        "runs text as code",
        r"(?<![.\w])(?:eval|exec)\s*\(",
        r"\bnew\s+Function\s*\(",
        r"\bos\.(?:system|popen)\s*\(",
        r"\bshell\s*=\s*True\b",
        r"\bchild_process\b",
        r"\bRuntime\.getRuntime\(\)\.exec",
        r"\bshell_exec\s*\(",
        r"\bpassthru\s*\(",
        r"\bpickle\.loads?\s*\(",
        r"\bmarshal\.loads\b",
        r"\byaml\.(?:unsafe_)?load\s*\((?!.*Safe)",
        r"\b__import__\s*\(",
        r"\bcompile\s*\(.*[\"']exec[\"']",
        r"\bvm\.runIn\w*Context",
        r"\binstance_eval\b",
        r"\bimport_module\s*\(\s*(?![\"'])",
    ),
    _p(
        "runs what is hidden in an encoding",
        r"base64\s+(?:-d|--decode|-D)\b.*\|\s*(?:ba)?sh",
        r"\bbase64\.b64decode\s*\(",
        r"\batob\s*\(",
        r"\bxxd\s+-r\b",
        r"\bcodecs\.decode\s*\(",
        r"\bfromhex\s*\(",
    ),
    _p(
        "opens a connection back",
        r"/dev/tcp/",
        r"\bnc\s+(?:-\w+\s+)*-[a-z]*e\b",
        r"\bncat\b.*--exec",
        r"\bsocat\b.*exec:",
        r"\bmkfifo\b.*\bnc\b",
        r"\bpty\.spawn\b",
    ),
    _p(
        "sends the environment away",
        r"\b(?:curl|wget|requests?\.(?:post|get|put)|httpx?\.\w+|fetch|axios\.\w+|urlopen|nslookup|dig)\b.*(?:os\.environ|process\.env|\$\(env\b|`env`|/etc/(?:passwd|shadow)|\.aws/credentials|id_rsa|/var/run/secrets|printenv|getenv)",
        r"\b(?:env|printenv|cat\s+\S*(?:secret|credential|passwd|\.env)\S*)\s*\|\s*(?:curl|nc|wget)",
        r"169\.254\.169\.254",
        r"metadata\.google\.internal",
    ),
    _p(
        "installs something at a schedule or start",
        r"\bcrontab\b",
        r"/etc/cron",
        r"\bauthorized_keys\b",
        r"\b(?:pre|post)install[\"']\s*:",
        r"\bsystemctl\s+(?:enable|disable|stop|mask)",
        r"/etc/(?:sudoers|passwd|shadow|hosts)\b",
        r"\.bashrc\b",
        r"\bLD_PRELOAD\b",
    ),
)

DANGERS: Final = (*_DATA, *_ACCESS, *_GUARDS, *_CODE)
