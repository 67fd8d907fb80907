"""The shared fixtures are what they say: a cluster of processes, an instruction set in use."""

import os

from conftest import AdK
from distributed import Client, get_client

from gromos_dist import instruction_set


def test_cluster_runs_in_two_other_processes(client: Client) -> None:
    assert get_client() is client
    pids = set(client.run(os.getpid).values())
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_workers_use_the_compiled_core(client: Client) -> None:
    answers = client.run(instruction_set.available).values()
    assert list(answers) == [instruction_set.available()] * 2


def test_isa_is_the_active_instruction_set(isa: str) -> None:
    assert instruction_set.active() == isa


def test_adk_files_are_there(adk: AdK) -> None:
    assert adk.psf.read_text().startswith("PSF")
    assert adk.dcd.read_bytes()[4:8] == b"CORD"
