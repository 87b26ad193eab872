"""For who deploys by a Serve configuration, as KubeRay's RayService does: the networks that stores share."""

from deployments.application import application
from domain.settings import Networks

#: `import_path: deployments.served:central`
central = application(Networks(), {"networks": "central"})
