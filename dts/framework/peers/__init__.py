# SPDX-License-Identifier: BSD-3-Clause
"""What stands at the other end of the members' cables."""
