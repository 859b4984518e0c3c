"""Larkfield Home, a retailer of furniture and household goods that does not exist: who runs what, and what went wrong.

Three clouds, seven teams, and the ordinary accidents of a company that has built with AI for two years.
Days count back from the day the sample is made.
"""

from __future__ import annotations

from sample.google_projects import GCP_DATA, GCP_GENAI, GCP_VISION
from sample.machines import Fleet, Load, Pod, Shape, Verdict
from sample.volumes import Volume

COMPANY = "Larkfield Home Inc."
PAYER = "510002840019"
AWS_ACCOUNTS = {
    "730100450001": "larkfield-commerce",
    "730100450002": "larkfield-ml-serving",
    "730100450003": "larkfield-ml-training",
    "730100450004": "larkfield-data",
    "730100450005": "larkfield-research",
}
COMMERCE, SERVING, TRAINING, DATA, RESEARCH = AWS_ACCOUNTS
AZURE_AI, AZURE_DATA = "3f5a7c10-2b64-4d8e-9a01-6c1e5b7d2f40", "8d2e4b91-7a35-4c60-b8f2-19e0a4c6d735"
AZURE_EU = "c47b1e58-90d3-4f2a-8e6c-5a3d7f10b926"
AZURE_SUBSCRIPTIONS = {AZURE_AI: "lk-ai-prod", AZURE_DATA: "lk-data-platform", AZURE_EU: "lk-europe-stores"}

BATCHING_DAY = 100
"""Days ago the reply service began to batch requests: half the machines for the same answers."""

_ALWAYS = Shape()

AWS_FLEETS = [
    Fleet(
        name="assistant-llm", bill="aws", account=SERVING, region="us-east-1", machine="p4d.24xlarge",
        model="llama-3.1-70b", team="support", stage="inference_online", purchase="savings_plan",
        names="host", rotate_days=46, load=Load(0.52, 0.88, follows="assistant"), group="assistant-llm-asg",
    ),
    Fleet(
        name="reply-gen-v1", bill="aws", account=SERVING, region="us-east-1", machine="g5.12xlarge", count=2,
        model="mistral-7b", team="support", stage="inference_online", purchase="savings_plan", fixed=True,
        names="dns", rotate_days=30, load=Load(0.27, 0.9, follows="replies"), last_day=BATCHING_DAY,
        group="reply-gen-asg", tags=(("env", "prod"),),
    ),
    Fleet(
        name="reply-gen", bill="aws", account=SERVING, region="us-east-1", machine="g5.12xlarge", count=2, fixed=True,
        model="mistral-7b", team="support", stage="inference_online", purchase="savings_plan",
        names="dns", rotate_days=30, load=Load(0.55, 0.9, follows="replies"), group="reply-gen-asg",
        tags=(("env", "prod"),),
    ),
    Fleet(
        name="search-embed", bill="aws", account=SERVING, region="us-east-1", machine="g4dn.xlarge", count=2,
        model="bge-large-en", team="search", stage="inference_online", rotate_days=35, names="dns",
        load=Load(0.45, 0.35, follows="embeddings"), group="search-embed-asg",
    ),
    Fleet(
        name="search-embed-peak", bill="aws", account=SERVING, region="us-east-1", machine="g4dn.xlarge",
        model="bge-large-en", team="search", stage="inference_online", names="dns", group="search-embed-asg",
        shape=Shape("daily", hour=13, hours=9), load=Load(0.5, 0.35, follows="embeddings"),
    ),
    Fleet(
        name="rerank", bill="aws", account=SERVING, region="us-east-1", machine="g6.xlarge", count=2,
        model="product-ranker", team="personalisation", stage="inference_online", names="host", rotate_days=60,
        load=Load(0.4, 0.55, follows="rerank"), purchase="savings_plan",
    ),
    Fleet(
        name="fraud-score", bill="aws", account=COMMERCE, region="us-east-1", machine="inf2.8xlarge",
        model="fraud-net", team="risk", stage="inference_online", names="id", rotate_days=90,
        load=Load(0.35, 0.4, follows="fraud"),
    ),
    Fleet(
        name="image-search", bill="aws", account=SERVING, region="us-east-1", machine="g4dn.12xlarge", fixed=True,
        model="clip-vit-l14", team="search", stage="inference_online", purchase="reserved", names="host",
        load=Load(0.42, 0.5, follows="image-search"), tags=(("env", "prod"),),
    ),
    Fleet(
        name="call-transcripts", bill="aws", account=SERVING, region="us-east-1", machine="g5.2xlarge", count=2,
        model="whisper-large-v3", team="support", stage="inference_batch", names="id",
        shape=Shape("daily", hour=22, hours=7), load=Load(0.82, 0.6),
    ),
    Fleet(
        name="image-tagging", bill="aws", account=SERVING, region="us-east-1", machine="g5.xlarge",
        model="catalog-vision", team="catalog", stage="inference_batch", purchase="spot", names="id",
        shape=Shape("bursts", per_day=14, minutes=20), load=Load(0.88, 0.7), group="image-tagging-spot-asg",
    ),
    Fleet(
        name="ml-shared", bill="aws", account=SERVING, region="us-east-1", machine="g5.12xlarge", count=3, shared=True,
        model=None, team="platform", stage="unknown", platform="k8s", names="dns", rotate_days=40,
        load=Load(0.4, 0.6), group="eks-ml-shared-gpu", tags=(("eks:cluster-name", "ml-shared"),),
        purchase="savings_plan", fixed=True,
    ),
    Fleet(
        name="vision-train", bill="aws", account=TRAINING, region="us-east-1", machine="p3.16xlarge",
        model="catalog-vision", team="catalog", stage="training", names="host", last_day=190,
        shape=Shape("daily", hour=1, hours=6, weekdays_only=True), load=Load(0.86, 0.8),
    ),
    Fleet(
        name="ranker-train", bill="aws", account=TRAINING, region="us-east-1", machine="p5.48xlarge",
        model="product-ranker", team="personalisation", stage="training", names="host",
        shape=Shape("weekly", weekday=5, hour=2, hours=21), load=Load(0.9, 0.85),
    ),
    Fleet(
        name="assistant-tune", bill="aws", account=TRAINING, region="us-east-1", machine="p4d.24xlarge",
        model="llama-3.1-70b", team="support", stage="fine_tuning", names="host",
        shape=Shape("monthly", weekday=8, hour=6, hours=34), load=Load(0.92, 0.93),
    ),
    Fleet(
        name="forecast-train", bill="aws", account=TRAINING, region="us-east-1", machine="trn1.32xlarge",
        model="demand-forecast", team="supply-chain", stage="training", purchase="spot", names="id",
        shape=Shape("monthly", weekday=14, hour=4, hours=20), load=Load(0.75, 0.7),
    ),
    Fleet(
        name="nightly-eval", bill="aws", account=TRAINING, region="us-east-1", machine="g6.xlarge", count=2,
        model="llama-3.1-70b", team="support", stage="evaluation", names="host", mapped=False,
        shape=Shape("daily", hour=3, hours=2), load=Load(0.7, 0.9),
    ),
    Fleet(
        name="ranker-hpo", bill="aws", account=TRAINING, region="us-east-1", machine="ml.p4d.24xlarge",
        model="product-ranker", team="personalisation", stage="training", platform="training_job",
        shape=Shape("weekly", weekday=2, hour=9, hours=5), load=Load(0.83, 0.8),
    ),
    Fleet(
        name="sentiment-prod", bill="aws", account=SERVING, region="us-east-1", machine="ml.g5.2xlarge",
        model="distilbert-reviews", team="marketing", stage="inference_online", platform="endpoint",
        load=Load(0.33, 0.3, follows="sentiment"),
    ),
    Fleet(
        name="ds-notebook", bill="aws", account=RESEARCH, region="us-east-1", machine="ml.g5.xlarge", count=2,
        model=None, team="research", stage="notebook", platform="notebook",
        shape=Shape("daily", hour=13, hours=9, weekdays_only=True, fresh=False), load=Load(0.18, 0.4),
    ),
    # What follows is told, not scaled: the accidents, and the things that only look like accidents.
    Fleet(
        name="moe-scratch", bill="aws", account=RESEARCH, region="us-east-1", machine="p4d.24xlarge", fixed=True,
        model="moe-experiment", team="research", stage="training", names="host", first_day=75,
        load=Load(0.85, 0.8, idle_days=66), tags=(("env", "sandbox"),),
        verdict=Verdict("idle", "stop", True, "launched for a six-day experiment and forgotten", 66),
    ),
    Fleet(
        name="moe-sweep", bill="aws", account=RESEARCH, region="us-east-1", machine="g5.48xlarge", fixed=True,
        model="moe-experiment", team="research", stage="training", names="host", first_day=20, last_day=16,
        load=Load(0.8, 0.7), tags=(("env", "sandbox"),), abandoned=True,
        verdict=Verdict("given_up", "look_early", False, "its author saw on the fifth day that it led nowhere", 20),
    ),
    Fleet(
        name="ranker-long", bill="aws", account=TRAINING, region="us-east-1", machine="g5.48xlarge", fixed=True,
        model="product-ranker", team="personalisation", stage="training", names="host", first_day=26, last_day=24,
        load=Load(0.88, 0.8), tags=(("env", "prod"),), failures=(14, 25),
        verdict=Verdict("repeated", "checkpoint", False, "ran out of memory twice and began from zero each time", 26),
    ),
    Fleet(
        name="code-pilot", bill="aws", account=SERVING, region="us-east-1", machine="g5.12xlarge", fixed=True,
        model="codellama-34b", team="research", stage="inference_online", names="host", first_day=95,
        load=Load(0.3, 0.9, follows="code-pilot", idle_days=50, resident=True), tags=(("env", "pilot"),),
        verdict=Verdict("resident_idle", "stop", True, "weights in memory, nobody has asked since the pilot", 50),
    ),
    Fleet(
        name="old-notebook", bill="aws", account=RESEARCH, region="us-east-1", machine="ml.g5.2xlarge", fixed=True,
        model=None, team="research", stage="notebook", platform="notebook", first_day=80,
        load=Load(0.2, 0.4, idle_days=40, resident=True), tags=(("env", "sandbox"),),
        verdict=Verdict("idle", "stop", True, "a notebook left open when its author changed teams", 40),
    ),
    Fleet(
        name="sentiment-v1", bill="aws", account=SERVING, region="us-east-1", machine="ml.g5.2xlarge", fixed=True,
        model="distilbert-reviews", team="marketing", stage="inference_online", platform="endpoint",
        load=Load(0.2, 0.3, follows="sentiment-v1", idle_days=45, resident=True), first_day=330,
        tags=(("env", "prod"),),
        verdict=Verdict("idle", "delete_endpoint", True, "replaced by sentiment-prod; no invocation since", 45),
    ),
    Fleet(
        name="catalog-infer", bill="aws", account=SERVING, region="us-east-1", machine="g5.48xlarge", fixed=True,
        model="catalog-vision", team="catalog", stage="inference_online", names="dns", first_day=130,
        load=Load(0.55, 0.6, follows="catalog-vision", busy=2), tags=(("env", "prod"),),
        verdict=Verdict("oversized", "resize", False, "two of eight accelerators ever see work", 130, "g5.12xlarge"),
    ),
    Fleet(
        name="weekly-forecast", bill="aws", account=DATA, region="us-east-1", machine="g5.12xlarge", fixed=True,
        model="demand-forecast", team="supply-chain", stage="inference_batch", names="host", first_day=140,
        load=Load(0.8, 0.6, weekly=(0, 2, 3)), tags=(("env", "prod"),),
        verdict=Verdict("periodic", "schedule", True, "works every Monday: not idle, could start for the run", 140),
    ),
    Fleet(
        name="assistant-dr", bill="aws", account=SERVING, region="us-west-2", machine="g5.12xlarge", fixed=True,
        model="mistral-7b", team="support", stage="inference_online", names="id", first_day=120,
        load=Load(0.0, 0.0, idle_days=120), tags=(("env", "prod"), ("keep", "disaster-recovery")),
        verdict=Verdict("keep", "none", True, "the standby of the reply service, kept on purpose", 120),
    ),
    Fleet(
        name="image-search-old", bill="aws", account=SERVING, region="us-east-1", machine="g4dn.12xlarge", fixed=True,
        model="clip-vit-l14", team="search", stage="inference_online", purchase="reserved", names="host", first_day=155,
        load=Load(0.4, 0.4, idle_days=58), tags=(("env", "prod"),),
        verdict=Verdict("covered_idle", "reuse", True, "its reservation is paid anyway: stopping saves nothing", 58),
    ),
    Fleet(
        name="untagged-scraper", bill="aws", account=RESEARCH, region="us-east-1", machine="g5.2xlarge", fixed=True,
        model=None, team="research", stage="unknown", first_day=110, telemetry=False,
        verdict=Verdict("unknown", "ask", False, "no tags, no agent: nobody can say what it does", 110),
    ),
]  # fmt: skip

AZURE_FLEETS = [
    Fleet(
        name="store-assistant", bill="azure-usd", account=AZURE_AI, region="eastus", count=2, names="short",
        machine="Standard_NC24ads_A100_v4", model="phi-4", team="stores", stage="inference_online", rotate_days=120,
        load=Load(0.45, 0.7, follows="store-assistant"), purchase="reserved", fixed=True, tags=(("env", "prod"),),
    ),
    Fleet(
        name="style-train", bill="azure-usd", account=AZURE_AI, region="eastus", machine="Standard_ND96asr_v4",
        model="style-embedding", team="catalog", stage="training", platform="ml_cluster",
        shape=Shape("monthly", weekday=19, hour=5, hours=60, fresh=False), load=Load(0.9, 0.85),
    ),
    Fleet(
        name="legacy-ocr", bill="azure-usd", account=AZURE_DATA, region="eastus", machine="Standard_NC6s_v3",
        model="invoice-ocr", team="finance", stage="inference_batch", names="host",
        shape=Shape("daily", hour=5, hours=5, weekdays_only=True, fresh=False), load=Load(0.5, 0.5),
    ),
    Fleet(
        name="pricing-lab", bill="azure-usd", account=AZURE_AI, region="eastus", names="host", mapped=False,
        machine="Standard_NC96ads_A100_v4", model="price-elasticity", team="supply-chain", stage="inference_online",
        first_day=115, load=Load(0.5, 0.45, busy=1), fixed=True, tags=(("env", "prod"),),
        verdict=Verdict("oversized", "resize", False, "one of four ever sees work", 115, "Standard_NC24ads_A100_v4"),
    ),
    Fleet(
        name="shelf-scan", bill="azure-eur", account=AZURE_EU, region="westeurope", machine="Standard_NC4as_T4_v3",
        model="shelf-vision", team="stores", stage="inference_online", names="short", rotate_days=100,
        load=Load(0.35, 0.5, follows="shelf-scan"),
    ),
    Fleet(
        name="returns-bot", bill="azure-eur", account=AZURE_EU, region="westeurope", machine="Standard_NC4as_T4_v3",
        model="returns-classifier", team="stores", stage="inference_online", names="short", first_day=100, fixed=True,
        load=Load(0.3, 0.4, idle_days=44, resident=True), tags=(("env", "prod"),),
        verdict=Verdict("idle", "stop", True, "the returns pilot ended; the machine did not", 44),
    ),
]  # fmt: skip

GCP_FLEETS = [
    Fleet(
        name="room-designer", bill="gcp", account=GCP_VISION, region="us-central1", machine="a2-highgpu-1g", count=2,
        model="sdxl-room-designer", team="design", stage="inference_online", platform="k8s", names="short",
        shape=Shape("daily", hour=12, hours=11), load=Load(0.6, 0.7), first_day=260, group="a2-pool",
        told_by_cloud=True,
    ),
    Fleet(
        name="tagging-l4", bill="gcp", account=GCP_VISION, region="us-central1", machine="g2-standard-12",
        model="catalog-vision", team="catalog", stage="inference_online", platform="k8s", names="short",
        purchase="committed_use", rotate_days=70, load=Load(0.4, 0.6), group="l4-pool", fixed=True,
        tags=(("env", "prod"),),
        told_by_cloud=True,
    ),
    Fleet(
        name="style-embed", bill="gcp", account=GCP_VISION, region="us-central1", machine="a2-ultragpu-1g",
        model="style-embedding", team="catalog", stage="inference_online", names="short", first_day=125, fixed=True,
        load=Load(0.12, 0.1), tags=(("env", "prod"),),
        verdict=Verdict("oversized", "resize", False, "eight of eighty gigabytes used", 125, "g2-standard-12"),
        told_by_cloud=True,
    ),
    Fleet(
        name="room-train", bill="gcp", account=GCP_VISION, region="us-central1", machine="a2-highgpu-8g",
        model="sdxl-room-designer", team="design", stage="training", purchase="spot", names="short",
        shape=Shape("weekly", weekday=6, hour=3, hours=12), load=Load(0.87, 0.9), first_day=260,
        told_by_cloud=True,
    ),
    Fleet(
        name="demand-tpu", bill="gcp", account=GCP_DATA, region="us-central1", machine="ct5lp-hightpu-8t",
        model="demand-forecast", team="supply-chain", stage="training", names="short", first_day=200,
        shape=Shape("weekly", weekday=3, hour=6, hours=8), load=Load(0.7, 0.6),
        told_by_cloud=True,
    ),
    Fleet(
        name="stylist", bill="gcp", account=GCP_GENAI, region="us-central1", machine="g2-standard-12", fixed=True,
        model="style-embedding", team="design", stage="inference_online", platform="endpoint", names="short",
        first_day=150, load=Load(0.38, 0.5, follows="stylist"), tags=(("env", "prod"),),
        told_by_cloud=True,
    ),
    Fleet(
        name="workbench", bill="gcp", account=GCP_GENAI, region="us-central1", machine="g2-standard-12",
        model=None, team="design", stage="notebook", platform="notebook", names="short", first_day=90, fixed=True,
        load=Load(0.15, 0.3, idle_days=35, resident=True), tags=(("env", "sandbox"),),
        verdict=Verdict("idle", "stop", True, "a workbench whose kernel last ran five weeks ago", 35),
        told_by_cloud=True,
    ),
]  # fmt: skip

VOLUMES = [
    Volume("moe-checkpoints", SERVING, "us-east-1", "gp3", 4000, 66, "unattached", "snapshot_then_delete",
           "left behind when the machine that wrote to it was replaced"),
    Volume("assistant-weights", SERVING, "us-east-1", "gp3", 2000, 12, "too_new", "none",
           "waits for the next machine of its group"),
    Volume("call-archive", SERVING, "us-east-1", "gp3", 3000, 120, "keep", "none",
           "kept for the auditors, on purpose", (("keep", "audit-2026"),)),
]  # fmt: skip

SHARED_FLEET = "ml-shared"
PODS = [
    Pod("faq-retriever", "deployment", "bge-large-en", "search", "inference_online", node=0, requested=1, used=0.6),
    Pod("review-summary", "deployment", "mistral-7b", "personalisation", "inference_online", 0, 1, 0.5),
    Pod("banner-maker", "deployment", "sdxl-room-designer", "marketing", "inference_online", 0, 1, 0.3, 12, 10),
    Pod("phone-menu", "deployment", "whisper-large-v3", "support", "inference_online", 1, 2, 1.1),
    Pod("dev-box", "notebook", None, "research", "notebook", 1, 1, 0.1, hour=13, hours=9, weekdays_only=True),
    Pod("lifetime-value", "job", "customer-ltv", "marketing", "training", 2, 3, 2.7, hour=20, hours=9),
    Pod("fraud-eval", "job", "fraud-net", "risk", "evaluation", 2, 1, 0.5, hour=4, hours=3),
]
"""What shares the three nodes of the Kubernetes cluster; what is left over is idle."""
