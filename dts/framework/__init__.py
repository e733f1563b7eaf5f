# SPDX-License-Identifier: BSD-3-Clause
"""What the suites and the demo stand on: namespaces, switches, processes, telemetry and traffic. Standard library only."""
