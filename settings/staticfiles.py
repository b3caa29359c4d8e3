"""Static files as production serves them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class ModuleStorage(CompressedManifestStaticFilesStorage):
    """Compressed, named by content, and cached for ever; imports between our JavaScript modules too.

    Without the rewriting of imports a browser could put modules of two releases together.
    """

    support_js_module_import_aggregation = True
