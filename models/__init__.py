"""PyTorch networks equal to MXNet Gluon's, with timm's state_dict keys."""

from .factory import create_model, list_models
from .features import FeatureResNet
from .resnet import ResNet

__all__ = ["FeatureResNet", "ResNet", "create_model", "list_models"]
