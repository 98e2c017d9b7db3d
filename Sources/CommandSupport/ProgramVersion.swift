// Why: whoever reports a fault, or wonders why a worker is refused, can tell which programs those are.

import Cluster

/// What `--version` prints in every command: processes of one job need the same protocol.
public let programVersion = "0.1.0 (protocol \(Limits.protocolVersion))"
