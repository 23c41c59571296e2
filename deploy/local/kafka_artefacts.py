"""The programs of Apache Kafka as Maven artefacts: fetched once, kept in the user's cache folder.

The broker is the Maven artefact `kafka_2.13`; its jars come with their checksums verified by Maven. The log4j binding
is named apart because the broker brings log4j but nothing that connects SLF4J to it.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

KAFKA_VERSION = "4.2.0"
LIBRARIES_VARIABLE = "TEILHABE_KAFKA_LIBS"
"""Environment variable: a folder that already holds the jars; nothing is fetched then."""

_FETCH_SECONDS = 600
_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>de.nrw.teilhabe</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.3</version>
    </dependency>
  </dependencies>
</project>
"""


class KafkaFailedError(Exception):
    """Kafka could not be fetched, prepared or started; the message is one line."""


def available() -> str | None:
    """None when a broker can be started here, otherwise one line that says what is missing."""
    if shutil.which("java") is None:
        return "Apache Kafka needs Java 17 or newer: no `java` on the PATH"
    if _kept() is None and shutil.which("mvn") is None:
        return f"Apache Kafka is fetched by Maven: no `mvn` on the PATH (or set {LIBRARIES_VARIABLE})"
    return None


def libraries() -> Path:
    """The folder with the jars of the broker; fetches them the first time (45 MB). Raises `KafkaFailedError`."""
    missing = available()
    if missing is not None:
        raise KafkaFailedError(missing)
    kept = _kept()
    if kept is not None:
        return kept
    target = _cache()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f"{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _kept() or _fetch(target)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "teilhabe" / f"kafka-{KAFKA_VERSION}"


def _kept() -> Path | None:
    """The folder that holds the broker's jar already; a cache folder appears complete or not at all."""
    named = os.environ.get(LIBRARIES_VARIABLE)
    folder = Path(named) if named else _cache()
    return folder if (folder / f"kafka_2.13-{KAFKA_VERSION}.jar").exists() else None


def _fetch(target: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        (Path(work) / "pom.xml").write_text(_POM)
        arguments = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={work}/libs"]
        done = subprocess.run(  # noqa: S603 - constants
            ["mvn", "-q", "-B", *arguments],  # noqa: S607 - Maven of this machine
            cwd=work, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS,
        )  # fmt: skip
        if done.returncode:
            said = [line for line in done.stdout.splitlines() if line.startswith("[ERROR]")]
            raise KafkaFailedError(f"Maven could not fetch Apache Kafka: {said[0] if said else 'no reason given'}")
        (Path(work) / "libs").replace(target)
    return target
